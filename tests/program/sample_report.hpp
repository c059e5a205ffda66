#pragma once

#include "loop_report.hpp"

/// A run that went as it should: attack at 600, alarm at 618, deployment at 824, replay at 1050 of 1200 requests.
inline redoubt::program::loop_report sample_report() {
  using namespace redoubt::program;
  loop_report report;
  report.class_names = {"Bag", "Dress <long> & \"wide\""};
  report.eps = 0.1;
  report.standard = {.clean = .903, .fgsm = .071, .pgd = .001, .auto_attack = {}};
  report.hardened = {.clean = .858, .fgsm = .789, .pgd = .762, .auto_attack = {}};
  report.recovered_white_box = .786;
  report.recovered_replayed = .841;
  report.detection = {.attack_began_at = 600,
                      .flagged_at = 618,
                      .labels_seen = 8,
                      .flagged_without_labels_at = 603,
                      .false_alarms = 0,
                      .detectors = {{.name = "e-SR",
                                     .kind = evidence::labelled,
                                     .acts = true,
                                     .position = 618,
                                     .labels_seen = 8,
                                     .note = "false alarms: one in 1e6"},
                                    {.name = "self-attack", .kind = evidence::label_free, .position = 603},
                                    {.name = "KS", .kind = evidence::two_sample, .false_alarms = 2}}};
  report.gate = gate_figures{.promote = true,
                             .reasons = {"robust accuracy rose from 0.002 to 0.771, and the intervals do not meet"},
                             .baseline = {{.907, .901, .913}, {.002, .001, .003}},
                             .candidate = {{.861, .852, .869}, {.771, .760, .782}}};
  report.training_began_at = 619;
  report.training_ended_at = 820;
  report.deployed_at = 824;
  report.replay_began_at = 1050;
  report.replayed = replayed_clean{1'000'000, 1, 40, 1e6, 2e4};
  report.requests = 1200;
  report.label_delay = 10;
  report.window = 50;
  for (int request = 0; request < 1200; ++request) {
    const int version = request < 824 ? 1 : 2;
    report.series.push_back({request, request < 600 ? .9 : version == 1 ? .07 : request < 1050 ? .79 : .84, version});
  }
  report.training = {{.epoch = 1, .clean = .8, .robust = .6}, {.epoch = 2, .clean = .86, .robust = .76}};
  const picture image{.height = 2, .width = 2, .values = {0, 128, 200, 255}};
  report.images = {{image, image, image, 0, 0, 1, 0}, {image, image, image, 1, 1, 0, 0}};
  report.seconds = {{"standard training", 38.2}, {"adversarial training", 131.9}};
  report.versions = {{"redoubt", "0.1.0"}, {"LibTorch", "2.11.0"}};
  report.seed = 7;
  report.command = "redoubt loop --seed 7";
  return report;
}
