#include "command.hpp"

#include "small_inputs.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

using namespace redoubt::program;
using nlohmann::json;

namespace {

/// `redoubt gate` between two models, under an attack that turns half of what the first pixel tells.
command_line gate_line(const pixel_folder& folder, const std::string& candidate, const std::string& baseline,
                       const command_line& more = {}) {
  return command_line{
             "gate",        "--candidate",       folder.at(candidate), "--baseline",        folder.at(baseline),
             "--images",    folder.at("images"), "--labels",           folder.at("labels"), "--attack=fgsm",
             "--eps=64/255"} +
         more;
}

}  // namespace

TEST_CASE("the gate promotes a model that is more robust, with the reasons and both models' figures") {
  const pixel_folder folder;
  const json report = report_of(gate_line(folder, "pixel1.pt", "pixel0.pt"));
  CHECK(keys_of(report) == string_set{"schema", "version", "torch", "device", "seed", "verdict", "reasons", "candidate",
                                      "baseline", "attack", "norm", "eps", "options"});
  CHECK(report["verdict"] == "promote");
  REQUIRE(report["reasons"].size() == 3);
  for (const json& reason : report["reasons"]) {
    CHECK(reason.get<std::string>().starts_with("passed: "));
  }
  CHECK(report["candidate"]["clean_accuracy"] == 1.0);
  CHECK(report["candidate"]["robust_accuracy"] == 1.0);
  CHECK(report["baseline"]["clean_accuracy"] == 255.0 / 256);
  CHECK(report["baseline"]["robust_accuracy"] == 0.5);  // 64..191 are turned, and 100 among them
  for (const char* side : {"candidate", "baseline"}) {
    CHECK(keys_of(report[side]) == string_set{"n", "clean_accuracy", "clean_accuracy_ci95", "robust_accuracy",
                                              "robust_accuracy_ci95", "n_nan", "seconds", "zero_gradient_samples",
                                              "warnings", "per_attack", "per_class"});
  }
}

TEST_CASE("the gate refuses a model that is less robust, with exit code 3 and the reasons that failed") {
  const pixel_folder folder;
  const json report = report_of(gate_line(folder, "pixel0.pt", "pixel1.pt"), 3);
  CHECK(report["verdict"] == "refuse");
  CHECK_FALSE(report.contains("error"));
  CHECK(report["reasons"][0].get<std::string>().starts_with("passed: clean accuracy"));
  CHECK(report["reasons"][1].get<std::string>().starts_with("failed: robust accuracy 1 -> 0.5"));
  CHECK(report["reasons"][2].get<std::string>().starts_with("failed: robust intervals"));
  const run_result prose = run_program(gate_line(folder, "pixel0.pt", "pixel1.pt"));
  CHECK(prose.exit_code == 3);
  CHECK(prose.err.empty());
  CHECK(prose.out.starts_with("refuse\n  passed: clean accuracy"));
  CHECK(contains(prose.out, "\n  failed: robust accuracy 1 -> 0.5, must rise by at least 0.05\n"));
}

TEST_CASE("a model is not promoted over itself") {
  const pixel_folder folder;
  CHECK(report_of(gate_line(folder, "pixel1.pt", "pixel1.pt"), 3)["verdict"] == "refuse");
}

TEST_CASE("the gate's thresholds are the user's") {
  const pixel_folder folder;
  CHECK(report_of(gate_line(folder, "pixel1.pt", "pixel0.pt", {"--min-robust-gain=0.5"}))["verdict"] == "promote");
  const json greedy = report_of(gate_line(folder, "pixel1.pt", "pixel0.pt", {"--min-robust-gain=0.51"}), 3);
  CHECK(greedy["reasons"][1].get<std::string>().starts_with("failed: "));

  // A candidate that knows one class only: robust, but its clean accuracy is the share of that class.
  scripted(
      "def forward(self, x: Tensor) -> Tensor:\n    v = torch.flatten(x, 1)[:, 0] * 0.001\n"
      "    return torch.stack([v, v + 1], 1)\n")
      .save(folder.at("constant.pt"));
  const command_line easy{"--min-robust-gain=0"};
  const json worse = report_of(gate_line(folder, "constant.pt", "pixel0.pt", easy), 3);
  CHECK(worse["candidate"]["clean_accuracy"] == 129.0 / 256);
  CHECK(worse["reasons"][0].get<std::string>().starts_with("failed: clean accuracy"));
  const json allowed =
      report_of(gate_line(folder, "constant.pt", "pixel0.pt", easy + command_line{"--max-clean-drop=0.5"}), 3);
  CHECK(allowed["reasons"][0].get<std::string>().starts_with("passed: clean accuracy"));
  CHECK(contains(error_of(gate_line(folder, "pixel1.pt", "pixel0.pt", {"--max-clean-drop=-1"}), 2), "too small"));
}

TEST_CASE("the gate decides nothing on models or data that it cannot read") {
  const pixel_folder folder;
  const std::ptrdiff_t before = folder.entries();
  CHECK(contains(error_of(gate_line(folder, "none.pt", "pixel0.pt"), 1), folder.at("none.pt") + ": no such file"));
  CHECK(
      contains(error_of(gate_line(folder, "pixel1.pt", "images"), 1), "cannot read the model " + folder.at("images")));
  CHECK(contains(error_of({"gate", "--candidate", folder.at("pixel1.pt")}, 2), "required"));
  CHECK(folder.entries() == before);
}

TEST_CASE("a gate that is interrupted gives no verdict") {
  const pixel_folder folder;
  const run_result stopped = run_interrupted(gate_line(folder, "pixel1.pt", "pixel0.pt"));
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.out.empty());
}

TEST_CASE(
    "the gate puts a candidate that it promotes in the place of what serves, keeps that, and writes its verdict") {
  const pixel_folder folder;
  const std::string place = folder.at("served.pt");
  write_whole(place, read_whole(folder.at("pixel0.pt")));
  const std::string verdict = folder.at("verdict.json");
  const json report =
      report_of(gate_line(folder, "pixel1.pt", "pixel0.pt", {"--promote-to", place, "--verdict", verdict}));
  CHECK(read_whole(place) == read_whole(folder.at("pixel1.pt")));
  CHECK(read_whole(place + ".previous") == read_whole(folder.at("pixel0.pt")));
  json written = json::parse(read_whole(verdict));
  CHECK(written["verdict"] == "promote");
  CHECK(written["promoted_to"] == place);
  CHECK(keys_of(written) == keys_of(report));
}

TEST_CASE("the gate changes nothing where it refuses, but for the verdict") {
  const pixel_folder folder;
  const std::string place = folder.at("served.pt");
  write_whole(place, "what serves");
  const std::string verdict = folder.at("verdict.json");
  const json report =
      report_of(gate_line(folder, "pixel0.pt", "pixel1.pt", {"--promote-to", place, "--verdict", verdict}), 3);
  CHECK(read_whole(place) == "what serves");
  CHECK_FALSE(std::filesystem::exists(place + ".previous"));
  CHECK(json::parse(read_whole(verdict))["verdict"] == "refuse");
  CHECK_FALSE(report.contains("promoted_to"));
}
