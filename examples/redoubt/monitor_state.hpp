#pragma once

#include "escalation.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <redoubt/watch/degradation_watch.hpp>
#include <redoubt/watch/self_attack.hpp>
#include <string>

namespace redoubt::program {

/// What a monitor goes on from after a restart, beside the predictions that wait for labels.
struct monitor_state {
  std::string model_digest;  ///< the model that the sums are about
  std::string incarnation;
  double error_limit = 0;
  double run_length = 0;
  degradation_watch<self_attack_detector>::kept watch;
  escalation::kept acting;
  escalation::kept suspecting;
};

[[nodiscard]] nlohmann::json to_json(const evidence_state& evidence);

/// Whole or not at all. Throws std::runtime_error, naming the file.
void write_monitor_state(const std::filesystem::path& file, const monitor_state& state);

/// Throws std::runtime_error, naming the file, for what `write_monitor_state` did not write.
[[nodiscard]] monitor_state read_monitor_state(const std::filesystem::path& file);

}  // namespace redoubt::program
