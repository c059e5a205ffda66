#include "attack_list.hpp"
#include "data.hpp"

#include "run_program.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/evaluate/predict.hpp>
#include <redoubt/model/script.hpp>
#include <redoubt/norm/linf.hpp>
#include <string>

// Against accuracies that torchattacks and PyTorch give on the same models and images: see data/golden/README.md.

using redoubt::iterate;
using redoubt::linf;
using namespace redoubt::program;

namespace {

constexpr std::int64_t images = 500;
constexpr double one_image = 1.0 / images + 1e-9;

struct radius {
  const char* name;
  double eps;
};
constexpr radius radii[] = {{"8_255", 8.0 / 255}, {"0.1", 0.1}};

const samples& test_images() {
  static const samples first = read_test_set(REDOUBT_DATASET).part(0, images).scaled();
  return first;
}

redoubt::script_model golden_model(const std::string& name) {
  return redoubt::script_model::load(std::string(REDOUBT_TEST_DATA "/golden/") + name + ".pt");
}

double expected(const std::string& model, const std::string& key) {
  std::ifstream file{REDOUBT_TEST_DATA "/golden/expected.json"};
  return nlohmann::json::parse(file).at(model).at(key).get<double>();
}

template <class Attack>
double accuracy_under(const Attack& attack, redoubt::script_model& model) {
  const at::Tensor adversarial = attack(model, test_images().images, test_images().labels);
  return redoubt::accuracy(model, adversarial, test_images().labels);
}

/// By the program's name, as `redoubt evaluate` makes it.
double accuracy_under_named(const attack_settings& settings, const char* model) {
  redoubt::script_model loaded = golden_model(model);
  return accuracy_under(attack_of(settings), loaded);
}

double pgd_accuracy(const std::string& name, double eps, iterate keep) {
  redoubt::script_model model = golden_model(name);
  return accuracy_under(
      redoubt::pgd{linf{.radius = eps}, {.step = eps / 10, .steps = 40, .random_start = false, .keep = keep}}, model);
}

}  // namespace

TEST_CASE("clean accuracy is the reference's") {
  for (const char* name : {"std", "adv"}) {
    CAPTURE(name);
    redoubt::script_model model = golden_model(name);
    CHECK(redoubt::accuracy(model, test_images().images, test_images().labels) ==
          doctest::Approx(expected(name, "clean")));
  }
}

TEST_CASE("FGSM's accuracy is the reference's to one image") {
  for (const char* name : {"std", "adv"}) {
    redoubt::script_model model = golden_model(name);
    for (const radius& r : radii) {
      CAPTURE(name);
      CAPTURE(r.name);
      const double found = accuracy_under(redoubt::fgsm{linf{.radius = r.eps}}, model);
      CHECK(std::abs(found - expected(name, std::string("fgsm_") + r.name)) <= one_image);
    }
  }
}

TEST_CASE("the program's evaluate gives the reference's numbers") {
  const std::string data = std::string(REDOUBT_DATASET) + "/";
  const nlohmann::json report =
      report_of({"evaluate", "--model", std::string(REDOUBT_TEST_DATA) + "/golden/std.pt", "--images",
                 data + "t10k-images-idx3-ubyte.gz", "--labels", data + "t10k-labels-idx1-ubyte.gz", "--limit=500",
                 "--eps=0.1", "--steps=40", "--no-random-start"});
  CHECK(report["options"]["step"].get<double>() == doctest::Approx(0.01));
  CHECK(report["clean_accuracy"] == expected("std", "clean"));
  CHECK(std::abs(report["robust_accuracy"].get<double>() - expected("std", "pgd40_0.1")) <= one_image);
}

TEST_CASE("PGD-l1 is at most two points above APGD-l1 of as many steps, and that below pyautoattack's [slow]") {
  // Robust accuracies of pyautoattack 0.2.0 on these images: APGD-CE, L1, eps 12, 100 iterations, 1 restart, seed 0.
  // PGD in the l1 ball as other libraries have it leaves 0.3 to 0.86 on a model of this kind.
  struct reference {
    const char* model;
    double apgd;
  };
  for (const reference& peer : {reference{"std", 0.044}, reference{"adv", 0.316}}) {
    const auto& [name, apgd] = peer;
    CAPTURE(peer.model);
    const double ours = accuracy_under_named({.attack = "apgd-ce", .norm = "l1", .eps = 12, .steps = 100}, name);
    CHECK(ours <= apgd + one_image);
    CHECK(accuracy_under_named({.attack = "pgd", .norm = "l1", .eps = 12, .steps = 100}, name) <= ours + 0.02 + 1e-9);
  }
}

TEST_CASE("deterministic PGD-40's accuracy is the reference's to one image, best or last iterate [slow]") {
  for (const char* name : {"std", "adv"}) {
    for (const radius& r : radii) {
      for (const iterate keep : {iterate::last, iterate::best}) {
        CAPTURE(name);
        CAPTURE(r.name);
        CAPTURE(static_cast<int>(keep));
        const double found = pgd_accuracy(name, r.eps, keep);
        CHECK(std::abs(found - expected(name, std::string("pgd40_") + r.name)) <= one_image);
      }
    }
  }
}

TEST_CASE("targeted FAB's accuracy is at most two images above pyautoattack's [slow]") {
  const auto check = [](const char* name, const char* norm, double eps, double reference) {
    CAPTURE(name);
    CAPTURE(norm);
    const double found = accuracy_under_named({.attack = "fab-t", .norm = norm, .eps = eps}, name);
    CHECK(found <= reference + 2 * one_image);
    CHECK(found >= reference - 0.05);
  };
  // pyautoattack 0.2.0, attacks = ["fab-t"], seed 0, on the same images; both are sums of chaotic searches.
  check("std", "linf", 0.1, 0.038);
  check("std", "l2", 1.5, 0.046);
  check("std", "l1", 12, 0.042);
  check("adv", "l2", 1.5, 0.272);
  check("adv", "l1", 12, 0.106);
}

TEST_CASE("Square's accuracy is at most a point above pyautoattack's, and over l1 half of it [slow]") {
  const auto check = [](const char* name, const char* norm, double eps, double reference) {
    CAPTURE(name);
    CAPTURE(norm);
    CHECK(accuracy_under_named({.attack = "square", .norm = norm, .eps = eps}, name) <= reference + 0.01 + 1e-9);
  };
  // pyautoattack 0.2.0, attacks = ["square"], seed 0, on the same images; the hardened model keeps 0.222 over l1.
  check("std", "linf", 0.1, 0.048);
  check("std", "l2", 1.5, 0.092);
  check("std", "l1", 12, 0.152 * 0.6);
  check("adv", "l1", 12, 0.222 * 0.5);
}
