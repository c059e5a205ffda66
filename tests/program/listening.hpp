#pragma once

#include <httplib.h>

#include <chrono>
#include <thread>

/// Lets a server whose routes are set listen at a free port of this machine, on a thread, until this is destroyed.
class listening {
 public:
  explicit listening(httplib::Server& server) : server_{server}, port_{server.bind_to_any_port("127.0.0.1")} {
    thread_ = std::thread{[this] { server_.listen_after_bind(); }};
    while (!server_.is_running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }
  listening(const listening&) = delete;
  listening& operator=(const listening&) = delete;
  ~listening() {
    server_.stop();
    thread_.join();
  }

  [[nodiscard]] int port() const { return port_; }

 private:
  httplib::Server& server_;
  int port_;
  std::thread thread_;
};
