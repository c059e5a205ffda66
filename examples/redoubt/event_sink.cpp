#include "event_sink.hpp"

#include "files.hpp"
#include "url.hpp"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <redoubt/core/error.hpp>
#include <utility>

namespace redoubt::program {

using nlohmann::json;

event_sink::event_sink(const std::string& url, std::filesystem::path file) : file_{std::move(file)} {
  if (url.empty()) {
    return;
  }
  const std::optional<url_parts> parts = split_url(url);
  require(parts.has_value(), "the sink must be http://host[:port][/path] or https://..., got ", url);
  server_ = parts->server;
  path_ = parts->path;
  if (!file_.empty() && std::filesystem::exists(file_)) {
    const json kept = json::parse(read_whole(file_), nullptr, /*allow_exceptions=*/false);
    if (!kept.is_array()) {
      fail(file_.string(), " holds no events; move it away to go on without those that were on their way");
    }
    for (const json& event : kept) {
      waiting_.push_back(event);
    }
  }
  thread_ = std::thread{[this] { work(); }};
}

event_sink::~event_sink() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void event_sink::send(const cloud_event& event) {
  if (server_.empty()) {
    return;
  }
  {
    const std::scoped_lock lock{mutex_};
    waiting_.push_back(structured(event));
    keep();
  }
  changed_.notify_all();
}

event_sink::tally event_sink::figures() const {
  const std::scoped_lock lock{mutex_};
  tally now = tally_;
  now.waiting = static_cast<std::int64_t>(waiting_.size());
  return now;
}

void event_sink::work() {
  constexpr std::chrono::seconds longest{60};
  std::chrono::seconds pause{1};
  std::unique_lock lock{mutex_};
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) {
      return;
    }
    const std::string body = waiting_.front().dump();
    lock.unlock();
    const bool taken = post(body);
    lock.lock();
    if (taken) {
      ++tally_.delivered;
      waiting_.pop_front();
      keep();
      pause = std::chrono::seconds{1};
    } else {
      ++tally_.failed;
      changed_.wait_for(lock, pause, [this] { return stopping_; });
      pause = std::min(2 * pause, longest);
    }
  }
}

bool event_sink::post(const std::string& body) const {
  httplib::Client client{server_};
  client.set_connection_timeout(5);
  client.set_read_timeout(10);
  const auto answer = client.Post(path_, body, "application/cloudevents+json");
  return answer && answer->status / 100 == 2;
}

void event_sink::keep() const {
  if (!file_.empty()) {
    write_whole(file_, json(waiting_).dump());
  }
}

}  // namespace redoubt::program
