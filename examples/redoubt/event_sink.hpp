#pragma once

#include "cloud_event.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace redoubt::program {

/// Sends events to a URL, one after the other, each until it is taken: at least once, in order.
///
/// What is on its way is kept in a file, so that a restart sends it. An attempt that fails, or is not answered by 2xx,
/// is made again after 1, 2, 4, ... 60 seconds, with the same event id, by which receivers know a repetition.
class event_sink {
 public:
  /// `url` as http[s]://host[:port][/path]; empty: events go nowhere. `file` keeps what is on its way; empty: nothing
  /// does. Throws std::invalid_argument, naming it, for a URL of another form.
  event_sink(const std::string& url, std::filesystem::path file);
  event_sink(const event_sink&) = delete;
  event_sink& operator=(const event_sink&) = delete;
  ~event_sink();

  void send(const cloud_event& event);

  struct tally {
    std::int64_t delivered = 0;
    std::int64_t failed = 0;  ///< attempts
    std::int64_t waiting = 0;
  };
  [[nodiscard]] tally figures() const;

 private:
  void work();
  [[nodiscard]] bool post(const std::string& body) const;
  void keep() const;

  std::string server_;  // http[s]://host[:port]
  std::string path_;
  std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<nlohmann::json> waiting_;
  tally tally_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace redoubt::program
