#include "closed_loop.hpp"

#include "fashion_net.hpp"
#include "report_page.hpp"
#include "small_inputs.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace redoubt::program;
using nlohmann::json;

namespace {

/// The closed loop in miniature: a tenth of the data, a weaker attack, a few hundred requests.
loop_plan small_plan() {
  return {.eps = 0.05,
          .seed = 3,
          .standard_epochs = 2,
          .hardened_epochs = 3,
          .attack_steps = 1,
          .averaging = 0.98,
          .clean_requests = 600,
          .training_requests = 300,
          .white_box_requests = 320,
          .replayed_requests = 320,
          .label_delay = 20,
          .run_length = 1e4,
          .learnt_samples = 5000};
}

loop_result run_small(const loop_plan& plan) {
  static const samples training = read_training_set(REDOUBT_DATASET);
  static const samples test = read_test_set(REDOUBT_DATASET).part(0, 500);
  return run_closed_loop(plan, training, test);
}

bool is_share(const json& value) {
  return value.is_number() && value >= 0.0 && value <= 1.0;
}

bool same_weights(const redoubt::script_model& one, const redoubt::script_model& other) {
  const std::vector<at::Tensor> a = one.parameters();
  const std::vector<at::Tensor> b = other.parameters();
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i], b[i])) {
      return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("the loop refuses data that it cannot use, and leaves no report") {
  const temporary_folder folder;
  const std::string report = (folder / "report").string();
  const auto error = [&](int exit_code, const std::string& data, const std::string& to) {
    return error_of({"loop", "--data", data, "--report", to}, exit_code);
  };
  CHECK(contains(error(1, (folder / "none").string(), report), "-ubyte: no such file"));
  for (const char* part : {"train", "t10k"}) {
    write_whole(folder / (std::string(part) + "-images-idx3-ubyte"), idx_bytes(at::zeros({20, 28, 28})));
    write_whole(folder / (std::string(part) + "-labels-idx1-ubyte"), idx_bytes(at::zeros({20})));
  }
  const std::string data = (folder / "").string();
  const std::ptrdiff_t before = folder.entries();
  const std::string below_a_file = (folder / "t10k-labels-idx1-ubyte/report").string();
  CHECK(contains(error(1, data, below_a_file), below_a_file));
  CHECK(folder.entries() == before);
  CHECK(error(2, data, report) == "loop: needs 60000 training images, as Fashion-MNIST has; got 20");
  CHECK_FALSE(std::filesystem::exists(folder / "report/report.json"));
  CHECK(contains(error_of({"loop"}, 2), "--data is required"));
  CHECK(contains(error_of({"loop", "--data", data, "--seed", "-1"}, 2), "-1 is too small"));
}

TEST_CASE("a loop that is interrupted writes nothing") {
  const temporary_folder folder;
  const run_result stopped =
      run_interrupted({"loop", "--data", REDOUBT_DATASET, "--report", (folder / "report").string()});
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.err == "redoubt loop: interrupted; nothing was written\n");
  CHECK_FALSE(std::filesystem::exists(folder / "report/report.json"));
  CHECK_FALSE(std::filesystem::exists(folder / "report/standard.pt"));
}

TEST_CASE("the loop in miniature detects, hardens, deploys and recovers, and a seed repeats it [slow]") {
  const loop_plan plan = small_plan();
  const loop_result result = run_small(plan);
  const json report = report_json(result.report);
  CAPTURE(report["gate"].dump());
  CAPTURE(report["standard"].dump());
  CAPTURE(report["hardened"].dump());
  CAPTURE(report["seconds"].dump());

  for (const char* model : {"standard", "hardened"}) {
    for (const char* figure : {"clean", "fgsm", "pgd"}) {
      CHECK(is_share(report[model][figure]));
    }
    CHECK(report[model]["pgd"] <= report[model]["fgsm"]);
    CHECK(report[model]["fgsm"] <= report[model]["clean"]);
  }
  CHECK(report["hardened"]["auto_attack"].is_null());
  CHECK(report["hardened"]["pgd"].get<double>() > report["standard"]["pgd"].get<double>() + 0.1);
  REQUIRE(report["gate"]["verdict"] == "promote");
  CHECK(report["gate"]["reasons"].size() == 3);
  CHECK(is_share(report["recovered"]["white_box"]));
  CHECK(is_share(report["recovered"]["replayed"]));

  const json& seen = report["detection"];
  CHECK(seen["attack_began_at"] == plan.clean_requests);
  CHECK(seen["flagged_at"] >= plan.clean_requests + plan.label_delay);
  CHECK(seen["flagged_at"] < plan.clean_requests + 300);
  CHECK(seen["labels_seen"] == seen["flagged_at"].get<int>() - plan.label_delay - plan.clean_requests + 1);
  CHECK(seen["flagged_without_labels_at"] >= plan.clean_requests);
  CHECK(seen["flagged_without_labels_at"] <= seen["flagged_at"]);
  CHECK(seen["false_alarms"] == 0);

  CHECK(report["dropped_requests"] == 0);
  CHECK(report["training_began_at"] > seen["flagged_at"]);
  CHECK(report["training_ended_at"] >= report["training_began_at"].get<std::int64_t>() + plan.training_requests);
  CHECK(report["deployed_at"] == report["training_ended_at"]);
  CHECK(report["replay_began_at"] == report["deployed_at"].get<std::int64_t>() + plan.white_box_requests);
  CHECK(report["requests"] == report["replay_began_at"].get<std::int64_t>() + plan.replayed_requests);
  CHECK(report["training"].size() == 3);
  CHECK(report["seed"] == 3);
  CHECK(report["eps"] == 0.05);
  CHECK(result.report.images.size() == 6);
  for (const json& point : report["series"]) {
    CHECK(is_share(point["accuracy"]));
    CHECK(point["model"] == (point["request"] < report["deployed_at"] ? 1 : 2));
  }
  REQUIRE(result.hardened.has_value());
  CHECK_FALSE(same_weights(result.standard, *result.hardened));

  const loop_result again = run_small(plan);
  CHECK(timeless(report_json(again.report)) == timeless(report));
  CHECK(same_weights(again.standard, result.standard));
  CHECK(same_weights(*again.hardened, *result.hardened));
}

TEST_CASE("a hardened model that has learnt nothing is refused, and the standard one goes on serving [slow]") {
  loop_plan plan = small_plan();
  plan.hardened_epochs = 1;
  plan.hardened_rate = 1e-9;
  const loop_result result = run_small(plan);
  const json report = report_json(result.report);
  CHECK(report["gate"]["verdict"] == "refuse");
  CHECK(report["gate"]["reasons"][0].get<std::string>().starts_with("failed: "));
  CHECK(report["deployed_at"].is_null());
  CHECK(report["replay_began_at"].is_null());
  CHECK(report["recovered"]["white_box"].is_null());
  CHECK(report["recovered"]["replayed"].is_null());
  CHECK_FALSE(result.hardened.has_value());
  CHECK(report["dropped_requests"] == 0);
  CHECK(report["requests"] == report["training_ended_at"]);
  for (const json& point : report["series"]) {
    CHECK(point["model"] == 1);
  }
}
