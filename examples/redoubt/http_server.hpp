#pragma once

#include "inference_service.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace redoubt::program {

struct http_options {
  std::string host = "0.0.0.0";
  int port = 8080;                                 ///< 0: any that is free
  std::size_t most_bytes = std::size_t{64} << 20;  ///< of a request's body, once inflated
  std::size_t threads = 64;                        ///< requests that are answered at once
};

/// The service over HTTP: every route of the protocol, health, /metrics, and errors as JSON.
class http_server {
 public:
  /// Throws std::runtime_error, naming host and port, where it cannot listen there.
  http_server(inference_service& service, const http_options& options);
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  /// Takes no more connections, answers what was asked, and ends.
  ~http_server();

  [[nodiscard]] int port() const;

  /// Ready no more: health/ready says so, so that a load balancer sends others elsewhere. What comes is still answered.
  void drain();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace redoubt::program
