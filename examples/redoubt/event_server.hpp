#pragma once

#include <httplib.h>

#include <chrono>
#include <cstddef>
#include <memory>

namespace redoubt::program {

struct event_options {
  std::size_t threads = 64;                            ///< requests that are answered at once
  std::size_t most_connections = 8192;                 ///< more are closed as they come
  std::size_t most_body = std::size_t{64} << 20;       ///< of a request, as it comes and once inflated
  std::size_t most_unanswered = std::size_t{1} << 30;  ///< bytes of requests held at a time, over all connections
  std::chrono::milliseconds idle{60000};               ///< how long a connection is kept on which nothing is asked
  std::chrono::milliseconds request{
      30000};  ///< how long a request may take to come, and a second more for every 64 KiB
};

/// cpp-httplib's server with another way to wait: one thread watches all connections (epoll), and a request gets one of
/// `threads` only when all of it is there. Who is idle, slow or gone holds no thread and keeps nobody waiting, where
/// the library gives every connection a thread for as long as it lasts.
///
/// What is no HTTP that it can find the end of, comes too slowly, or is too large gets a 4xx, what does not fit into
/// memory a 503, each with {"error": ...}, and is closed. Routes, handlers and all else are the library's.
class event_server : public httplib::Server {
 public:
  explicit event_server(const event_options& options);
  event_server(const event_server&) = delete;
  event_server& operator=(const event_server&) = delete;
  ~event_server() override;

 private:
  struct state;

  // The library calls it for each connection that it has accepted.
  bool process_and_close_socket(socket_t socket) override;

  std::unique_ptr<state> state_;
};

}  // namespace redoubt::program
