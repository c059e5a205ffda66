#pragma once

#include "event_server.hpp"
#include "refusals.hpp"

#include <httplib.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

namespace redoubt::program {

struct http_options {
  std::string host = "0.0.0.0";
  int port = 8080;                                 ///< 0: any that is free
  std::size_t most_bytes = std::size_t{64} << 20;  ///< of a request's body, once inflated
  std::size_t threads = 64;                        ///< requests that are answered at once
};

inline constexpr const char* json_type = "application/json";
inline constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";  ///< as Prometheus reads them

/// Answers with JSON.
void answer(httplib::Response& to, const nlohmann::json& body, int status = 200);

/// The body as it is, whatever Content-Type says: of what curl sends by default the library would read 8 KiB, as a
/// form.
[[nodiscard]] std::string body_of(const httplib::Request& request, const httplib::ContentReader& read);

/// A handler that answers what `work` throws: 404 not_found, 400 std::invalid_argument, 503 too_busy, 500 anything
/// else, each with {"error": "..."} of one line.
template <class Work>
[[nodiscard]] httplib::Server::Handler guarded(Work work);

/// An HTTP server on a thread of its own. Errors that no route has answered are answered with JSON, too.
class http_listener {
 public:
  explicit http_listener(const http_options& options);
  http_listener(const http_listener&) = delete;
  http_listener& operator=(const http_listener&) = delete;
  /// `stop`.
  ~http_listener();

  /// Where routes are added, before `start`.
  [[nodiscard]] httplib::Server& routes() { return server_; }

  /// Throws std::runtime_error, naming host and port, where it cannot listen there.
  void start();
  /// Takes no more connections, answers what was asked, and ends.
  void stop();
  [[nodiscard]] int port() const { return port_; }

 private:
  http_options options_;
  event_server server_;
  int port_ = 0;
  std::thread thread_;
};

namespace detail {
void answer_exception(httplib::Response& to);
}  // namespace detail

template <class Work>
httplib::Server::Handler guarded(Work work) {
  return [work](const httplib::Request& request, httplib::Response& to) {
    try {
      work(request, to);
    } catch (...) {
      detail::answer_exception(to);
    }
  };
}

}  // namespace redoubt::program
