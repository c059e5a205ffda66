#include "monitor_state.hpp"

#include "files.hpp"

#include <redoubt/core/error.hpp>

namespace redoubt::program {
namespace {

using nlohmann::json;

evidence_state evidence_in(const json& from) {
  return {.seen = from.at("seen"),
          .alarms = from.at("alarms"),
          .statistic = from.at("statistic"),
          .threshold = from.at("threshold"),
          .last_alarm = from.at("last_alarm")};
}

json to_json(const escalation::kept& kept) {
  return {{"began", kept.began ? json(*kept.began) : json(nullptr)},
          {"quiet_until", kept.quiet_until},
          {"reported", kept.reported}};
}

escalation::kept escalation_in(const json& from) {
  escalation::kept kept{.began = {}, .quiet_until = from.at("quiet_until"), .reported = from.at("reported")};
  if (!from.at("began").is_null()) {
    kept.began = from.at("began").get<double>();
  }
  return kept;
}

}  // namespace

json to_json(const evidence_state& evidence) {
  return {{"seen", evidence.seen},
          {"alarms", evidence.alarms},
          {"statistic", evidence.statistic},
          {"threshold", evidence.threshold},
          {"last_alarm", evidence.last_alarm}};
}

void write_monitor_state(const std::filesystem::path& file, const monitor_state& state) {
  const auto& watch = state.watch;
  const json all = {{"schema", 1},
                    {"model_digest", state.model_digest},
                    {"incarnation", state.incarnation},
                    {"error_limit", state.error_limit},
                    {"run_length", state.run_length},
                    {"evidence", watch.evidence},
                    {"log_evidence", watch.log_evidence},
                    {"errors", watch.errors},
                    {"labelled", to_json(watch.labelled)},
                    {"label_free", to_json(watch.label_free)},
                    {"two_sample", to_json(watch.two_sample)},
                    {"acting", to_json(state.acting)},
                    {"suspecting", to_json(state.suspecting)}};
  write_whole(file, all.dump());
}

monitor_state read_monitor_state(const std::filesystem::path& file) {
  const std::string bytes = read_whole(file);
  try {
    const json all = json::parse(bytes);
    return {.model_digest = all.at("model_digest"),
            .incarnation = all.at("incarnation"),
            .error_limit = all.at("error_limit"),
            .run_length = all.at("run_length"),
            .watch = {.evidence = all.at("evidence"),
                      .log_evidence = all.at("log_evidence"),
                      .errors = all.at("errors"),
                      .labelled = evidence_in(all.at("labelled")),
                      .label_free = evidence_in(all.at("label_free")),
                      .two_sample = evidence_in(all.at("two_sample"))},
            .acting = escalation_in(all.at("acting")),
            .suspecting = escalation_in(all.at("suspecting"))};
  } catch (const json::exception& error) {
    fail(file.string(), " is no state of a monitor (", error.what(), "); move it away to begin anew");
  }
}

}  // namespace redoubt::program
