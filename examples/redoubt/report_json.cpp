#include "report_page.hpp"

#include <optional>
#include <string>

namespace redoubt::program {
namespace {

using nlohmann::json;

template <class Value>
json or_null(const std::optional<Value>& value) {
  return value ? json(*value) : json(nullptr);
}

json figures(const model_figures& model) {
  return {{"clean", or_null(model.clean)}, {"fgsm", or_null(model.fgsm)}, {"pgd", or_null(model.pgd)}};
}

json hardened_figures(const model_figures& model) {
  json all = figures(model);
  all["auto_attack"] = or_null(model.auto_attack);
  return all;
}

json detection(const detection_figures& seen) {
  return {{"attack_began_at", or_null(seen.attack_began_at)},
          {"flagged_at", or_null(seen.flagged_at)},
          {"labels_seen", or_null(seen.labels_seen)},
          {"flagged_without_labels_at", or_null(seen.flagged_without_labels_at)},
          {"false_alarms", seen.false_alarms}};
}

json detectors(const detection_figures& seen) {
  json all = json::array();
  for (const detector_figures& one : seen.detectors) {
    all.push_back({{"name", one.name},
                   {"kind", kind_name(one.kind)},
                   {"acts", one.acts},
                   {"position", or_null(one.position)},
                   {"labels_seen", or_null(one.labels_seen)},
                   {"false_alarms", one.false_alarms},
                   {"note", one.note}});
  }
  return all;
}

json side(const gate_figures::side& model) {
  const auto with_interval = [](const measured& accuracy) {
    return json{{"value", accuracy.value}, {"ci95", {accuracy.low, accuracy.high}}};
  };
  return {{"clean", with_interval(model.clean)}, {"robust", with_interval(model.robust)}};
}

json gate(const std::optional<gate_figures>& passed) {
  if (!passed) {
    return nullptr;
  }
  return {{"verdict", passed->promote ? "promote" : "refuse"},
          {"reasons", passed->reasons},
          {"candidate", side(passed->candidate)},
          {"baseline", side(passed->baseline)}};
}

json replayed(const std::optional<replayed_clean>& clean) {
  if (!clean) {
    return nullptr;
  }
  return {{"requests", clean->requests},
          {"acting_alarms", clean->acting_alarms},
          {"label_free_alarms", clean->label_free_alarms},
          {"acting_run_length", clean->acting_run_length},
          {"label_free_run_length", clean->label_free_run_length}};
}

json series(const loop_report& report) {
  json all = json::array();
  for (const series_point& point : report.series) {
    all.push_back({{"request", point.request}, {"accuracy", point.accuracy}, {"model", point.model_version}});
  }
  return all;
}

json training(const loop_report& report) {
  json all = json::array();
  for (const epoch_point& point : report.training) {
    all.push_back({{"epoch", point.epoch}, {"clean", or_null(point.clean)}, {"robust", or_null(point.robust)}});
  }
  return all;
}

template <class Value>
json object(const std::vector<std::pair<std::string, Value>>& pairs) {
  json all = json::object();
  for (const auto& [name, value] : pairs) {
    all[name] = value;
  }
  return all;
}

}  // namespace

json report_json(const loop_report& report) {
  return {{"data_set", report.data_set},
          {"eps", report.eps},
          {"standard", figures(report.standard)},
          {"hardened", hardened_figures(report.hardened)},
          {"recovered",
           {{"white_box", or_null(report.recovered_white_box)}, {"replayed", or_null(report.recovered_replayed)}}},
          {"detection", detection(report.detection)},
          {"detectors", detectors(report.detection)},
          {"gate", gate(report.gate)},
          {"training_began_at", or_null(report.training_began_at)},
          {"training_ended_at", or_null(report.training_ended_at)},
          {"replayed_clean", replayed(report.replayed)},
          {"replay_began_at", or_null(report.replay_began_at)},
          {"deployed_at", or_null(report.deployed_at)},
          {"requests", report.requests},
          {"dropped_requests", report.dropped_requests},
          {"label_delay", report.label_delay},
          {"window", report.window},
          {"series", series(report)},
          {"training", training(report)},
          {"seconds", object(report.seconds)},
          {"versions", object(report.versions)},
          {"seed", report.seed},
          {"command", report.command}};
}

}  // namespace redoubt::program
