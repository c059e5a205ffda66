#pragma once

#include "degradation_monitor.hpp"
#include "event_sink.hpp"
#include "http_listener.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

namespace redoubt::program {

/// Which of several replicas, that all get all events, keeps an event: that to whose number its id hashes.
struct replica_share {
  std::uint64_t replica = 0;
  std::uint64_t replicas = 1;

  [[nodiscard]] bool keeps(const std::string& id) const;
};

/// A monitor's routes: events and labels in, evidence and metrics out.
class monitor_service {
 public:
  monitor_service(degradation_monitor& monitor, const event_sink& sink, served_model& model, replica_share share = {});

  /// POST / (CloudEvents), POST /labels, GET /status.
  void add_events(httplib::Server& routes);
  /// GET /healthz, /readyz, /metrics: for a server that has none of its own.
  void add_probes(httplib::Server& routes);

  /// Takes in one event. False for a type that it does not know, which is counted and passed over. Throws too_busy, and
  /// std::invalid_argument for data that is not what the type says.
  bool take(const cloud_event& event);
  [[nodiscard]] nlohmann::json status() const;
  [[nodiscard]] std::string metrics_text() const;

 private:
  [[nodiscard]] nlohmann::json take_events(const http_headers& headers, const std::string& body);
  [[nodiscard]] nlohmann::json take_labels(const std::string& body);
  void count(const std::string& kind);
  void take_request(const cloud_event& event);
  void take_label(const nlohmann::json& label);
  [[nodiscard]] std::map<std::string, std::int64_t> events() const;

  degradation_monitor& monitor_;
  const event_sink& sink_;
  served_model& model_;
  replica_share share_;
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> events_;  // by kind
};

}  // namespace redoubt::program
