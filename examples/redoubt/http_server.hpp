#pragma once

#include "http_listener.hpp"
#include "inference_service.hpp"

#include <atomic>
#include <string>

namespace redoubt::program {

/// The service over HTTP: every route of the protocol, health, /metrics, and errors as JSON.
class http_server {
 public:
  /// The routes of `service`; more may be added to `routes()` before `start`.
  http_server(inference_service& service, const http_options& options);

  [[nodiscard]] httplib::Server& routes() { return listener_.routes(); }
  /// Throws std::runtime_error, naming host and port, where it cannot listen there.
  void start() { listener_.start(); }
  /// Takes no more connections, answers what was asked, and ends.
  void stop() { listener_.stop(); }
  [[nodiscard]] int port() const { return listener_.port(); }

  /// Ready no more: health/ready says so, so that a load balancer sends others elsewhere. What comes is still answered.
  void drain() { ready_ = false; }

 private:
  void add_health();
  void add_models();
  void infer(const httplib::Request& request, const std::string& body, httplib::Response& to);

  inference_service& service_;
  std::atomic<bool> ready_{true};
  http_listener listener_;  // last: its end waits for what is being answered
};

}  // namespace redoubt::program
