#pragma once

#include "degradation_monitor.hpp"
#include "event_sink.hpp"
#include "monitor_service.hpp"
#include "served_model.hpp"

#include <string>

namespace CLI {
class App;
}  // namespace CLI

namespace redoubt::program {

/// What a monitor is told on the command line.
struct monitor_settings {
  std::string images;  ///< of the reference
  std::string labels;
  monitor_options options;
  double error_limit = 0;  ///< 0: from the reference
  std::string sink;
  std::string share = "0/1";
};

/// The flags of a monitor, but for its model and its address. `required`: the reference has to be given.
void add_monitor_flags(CLI::App& flags, monitor_settings& settings, bool required);

/// A monitor, where it reports to, and its routes.
class running_monitor {
 public:
  /// Reads the reference and begins to learn. Throws std::invalid_argument or std::runtime_error for settings, files or
  /// a state that cannot be used.
  running_monitor(const monitor_settings& settings, served_model& model);

  [[nodiscard]] degradation_monitor& monitor() { return monitor_; }
  [[nodiscard]] monitor_service& service() { return service_; }

 private:
  event_sink sink_;
  degradation_monitor monitor_;
  monitor_service service_;
};

}  // namespace redoubt::program
