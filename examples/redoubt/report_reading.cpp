#include "report_reading.hpp"

#include <redoubt/core/error.hpp>
#include <string>

namespace redoubt::program {
namespace {

using nlohmann::json;

template <class Value>
std::optional<Value> optional_in(const json& value) {
  return value.is_null() ? std::nullopt : std::optional{value.get<Value>()};
}

evidence kind_in(const std::string& name) {
  for (const evidence kind : {evidence::labelled, evidence::label_free, evidence::two_sample}) {
    if (name == kind_name(kind)) {
      return kind;
    }
  }
  require(false, "the report: there is no kind of evidence \"", name, "\"");
  return {};
}

model_figures figures_in(const json& of) {
  return {.clean = optional_in<double>(of.at("clean")),
          .fgsm = optional_in<double>(of.at("fgsm")),
          .pgd = optional_in<double>(of.at("pgd")),
          .auto_attack = of.contains("auto_attack") ? optional_in<double>(of.at("auto_attack")) : std::nullopt};
}

detection_figures detection_in(const json& report) {
  const json& of = report.at("detection");
  detection_figures seen{.attack_began_at = optional_in<std::int64_t>(of.at("attack_began_at")),
                         .flagged_at = optional_in<std::int64_t>(of.at("flagged_at")),
                         .labels_seen = optional_in<std::int64_t>(of.at("labels_seen")),
                         .flagged_without_labels_at = optional_in<std::int64_t>(of.at("flagged_without_labels_at")),
                         .false_alarms = of.at("false_alarms")};
  for (const json& one : report.at("detectors")) {
    seen.detectors.push_back({.name = one.at("name"),
                              .kind = kind_in(one.at("kind")),
                              .acts = one.at("acts"),
                              .position = optional_in<std::int64_t>(one.at("position")),
                              .labels_seen = optional_in<std::int64_t>(one.at("labels_seen")),
                              .false_alarms = one.at("false_alarms"),
                              .note = one.at("note")});
  }
  return seen;
}

measured measured_in(const json& of) {
  return {of.at("value"), of.at("ci95").at(0), of.at("ci95").at(1)};
}

gate_figures::side side_in(const json& of) {
  return {measured_in(of.at("clean")), measured_in(of.at("robust"))};
}

std::optional<gate_figures> gate_in(const json& of) {
  if (of.is_null()) {
    return {};
  }
  return gate_figures{.promote = of.at("verdict") == "promote",
                      .reasons = of.at("reasons"),
                      .baseline = side_in(of.at("baseline")),
                      .candidate = side_in(of.at("candidate"))};
}

std::optional<replayed_clean> replayed_in(const json& of) {
  if (of.is_null()) {
    return {};
  }
  return replayed_clean{of.at("requests"), of.at("acting_alarms"), of.at("label_free_alarms"),
                        of.at("acting_run_length"), of.at("label_free_run_length")};
}

template <class Value>
std::vector<std::pair<std::string, Value>> pairs_in(const json& of) {
  std::vector<std::pair<std::string, Value>> pairs;
  for (const auto& [name, value] : of.items()) {
    pairs.emplace_back(name, value.template get<Value>());
  }
  return pairs;
}

loop_report read(const json& from) {
  loop_report report{.data_set = from.at("data_set"),
                     .eps = from.at("eps"),
                     .standard = figures_in(from.at("standard")),
                     .hardened = figures_in(from.at("hardened")),
                     .recovered_white_box = optional_in<double>(from.at("recovered").at("white_box")),
                     .recovered_replayed = optional_in<double>(from.at("recovered").at("replayed")),
                     .detection = detection_in(from),
                     .gate = gate_in(from.at("gate")),
                     .replayed = replayed_in(from.at("replayed_clean")),
                     .training_began_at = optional_in<std::int64_t>(from.at("training_began_at")),
                     .training_ended_at = optional_in<std::int64_t>(from.at("training_ended_at")),
                     .deployed_at = optional_in<std::int64_t>(from.at("deployed_at")),
                     .replay_began_at = optional_in<std::int64_t>(from.at("replay_began_at")),
                     .requests = from.at("requests"),
                     .dropped_requests = from.at("dropped_requests"),
                     .label_delay = from.at("label_delay"),
                     .window = from.at("window"),
                     .seconds = pairs_in<double>(from.at("seconds")),
                     .versions = pairs_in<std::string>(from.at("versions")),
                     .seed = from.at("seed"),
                     .command = from.at("command")};
  for (const json& point : from.at("series")) {
    report.series.push_back({point.at("request"), point.at("accuracy"), point.at("model")});
  }
  for (const json& point : from.at("training")) {
    report.training.push_back(
        {point.at("epoch"), optional_in<double>(point.at("clean")), optional_in<double>(point.at("robust"))});
  }
  return report;
}

}  // namespace

loop_report read_report(const json& from) {
  try {
    return read(from);
  } catch (const json::exception& error) {
    throw std::invalid_argument(std::string{"the report is not one that `redoubt loop` writes: "} + error.what());
  }
}

}  // namespace redoubt::program
