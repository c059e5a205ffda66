// Whether an evaluation warns of a model that overfitted catastrophically, and leaves honest models in peace.

#include <redoubt/evaluate/gradient_health.hpp>

#include "data.hpp"
#include "fashion_net.hpp"

#include <doctest/doctest.h>
#include <torch/optim/adam.h>

#include <redoubt/attack/fgsm.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/train/adversarial_trainer.hpp>
#include <string>

using redoubt::gradient_health;
using redoubt::health_report;
using redoubt::linf;
using namespace redoubt::program;

namespace {

const samples& test_images() {
  static const samples first = read_test_set(REDOUBT_DATASET).part(0, 500).scaled();
  return first;
}

template <class Ball>
health_report health(const Ball& ball, redoubt::script_model& model) {
  model.train(false);
  return gradient_health{ball}(model, test_images().images, test_images().labels);
}

template <class Ball>
void check_no_warning(const Ball& ball) {
  for (const char* const name : {"std", "adv"}) {
    CAPTURE(std::string{name});
    redoubt::script_model model = redoubt::script_model::load(std::string(REDOUBT_TEST_DATA "/golden/") + name + ".pt");
    const health_report found = health(ball, model);
    CAPTURE(found.fgsm);
    CAPTURE(found.pgd);
    CAPTURE(found.restarted);
    CAPTURE(found.queried);
    CHECK(found.samples == 256);
    CHECK(found.warnings == std::vector<std::string>{});
  }
}

}  // namespace

TEST_CASE("health: a plainly trained model and a hardened one give no warning within their radius") {
  check_no_warning(linf{8.0 / 255});
  check_no_warning(linf{0.1});
}

TEST_CASE("health: nor do they over l2 and l1, which neither was trained against [slow]") {
  check_no_warning(redoubt::l2{0.5});
  check_no_warning(redoubt::l2{1.5});
  check_no_warning(redoubt::l1{12});
}

TEST_CASE("health: models that overfitted catastrophically give a warning wherever one step flatters them [slow]") {
  const samples all = read_training_set(REDOUBT_DATASET);
  const auto check = [&](double trained_at, double learning_rate, std::initializer_list<double> radii) {
    redoubt::script_model model = make_fashion_net(1);
    torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{learning_rate}};
    redoubt::adversarial_trainer trainer{
        model, redoubt::fgsm{linf{trained_at}}, optimizer, {all.images, all.labels}, {.epochs = 3, .seed = 1}};
    while (!trainer.done()) {
      (void)trainer.step();
    }
    trainer.finish();
    for (const double radius : radii) {
      const health_report found = health(linf{radius}, model);
      MESSAGE("trained at ", trained_at, ", asked at ", radius, ": FGSM ", found.fgsm, ", PGD-10 ", found.pgd,
              ", cosine ", found.cosine, ", returned ", found.returned, " of ", found.crossed);
      CHECK(found.fgsm > found.pgd + 0.1);
      CHECK(found.warnings.size() >= 1);
    }
  };
  // At half of its radius the first is what it seems (FGSM 0.83, PGD-10 0.74), and the second at a sixth (0.87, 0.76).
  check(0.2, 5e-3, {0.2, 0.25, 0.3});
  check(0.3, 1e-3, {0.1, 0.2, 0.3});
}
