#include "report_page.hpp"

#include "sample_report.hpp"

#include <doctest/doctest.h>

using nlohmann::json;
using redoubt::program::loop_report;
using redoubt::program::report_json;

TEST_CASE("the published fields hold what happened") {
  const json report = report_json(sample_report());
  CHECK(report["standard"] == json{{"clean", .903}, {"fgsm", .071}, {"pgd", .001}});
  CHECK(report["hardened"] == json{{"clean", .858}, {"fgsm", .789}, {"pgd", .762}, {"auto_attack", nullptr}});
  CHECK(report["recovered"] == json{{"white_box", .786}, {"replayed", .841}});
  CHECK(report["detection"] == json{{"attack_began_at", 600},
                                    {"flagged_at", 618},
                                    {"labels_seen", 8},
                                    {"flagged_without_labels_at", 603},
                                    {"false_alarms", 0}});
  CHECK(report["deployed_at"] == 824);
  CHECK(report["requests"] == 1200);
  CHECK(report["dropped_requests"] == 0);
  CHECK(report["seconds"] == json{{"standard training", 38.2}, {"adversarial training", 131.9}});
  CHECK(report["gate"]["verdict"] == "promote");
  CHECK(report["gate"]["reasons"].size() == 1);
  CHECK(report["gate"]["candidate"]["robust"] == json{{"value", .771}, {"ci95", {.760, .782}}});
  CHECK(report["gate"]["baseline"]["clean"]["value"] == .907);
  CHECK(report["replay_began_at"] == 1050);
  CHECK(report["replayed_clean"]["acting_alarms"] == 1);
  CHECK(report["replayed_clean"]["label_free_run_length"] == 2e4);
  CHECK(report["seed"] == 7);
}

TEST_CASE("what did not happen is null") {
  const json report = report_json({});
  for (const char* path :
       {"/standard/clean", "/hardened/auto_attack", "/recovered/white_box", "/detection/flagged_at",
        "/detection/labels_seen", "/detection/flagged_without_labels_at", "/deployed_at", "/gate", "/replayed_clean"}) {
    CHECK_MESSAGE(report.at(json::json_pointer(path)).is_null(), path);
  }
  CHECK(report["seconds"].is_object());
  CHECK(report["series"].is_array());
  CHECK(report["detectors"].is_array());
}

TEST_CASE("a gate that refused says so") {
  loop_report report = sample_report();
  report.gate->promote = false;
  CHECK(report_json(report)["gate"]["verdict"] == "refuse");
}

TEST_CASE("detectors, series and training are listed in order") {
  const json report = report_json(sample_report());
  CHECK(report["detectors"][0]["name"] == "e-SR");
  CHECK(report["detectors"][1]["kind"] == "label-free");
  CHECK(report["detectors"][2]["position"].is_null());
  CHECK(report["series"][823] == json{{"request", 823}, {"accuracy", .07}, {"model", 1}});
  CHECK(report["training"][1] == json{{"epoch", 2.0}, {"clean", .86}, {"robust", .76}});
}
