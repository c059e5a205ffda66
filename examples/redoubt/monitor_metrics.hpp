#pragma once

#include "degradation_monitor.hpp"
#include "event_sink.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace redoubt::program {

/// What a monitor knows, in the text form that Prometheus scrapes. `events` counts those that came, by kind.
[[nodiscard]] std::string monitor_metrics(const std::string& model, const monitor_figures& now,
                                          const std::map<std::string, std::int64_t>& events,
                                          const event_sink::tally& sent);

}  // namespace redoubt::program
