#include "trainer_status.hpp"

#include "files.hpp"
#include "rfc3339.hpp"
#include "url.hpp"

#include <httplib.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <mutex>
#include <redoubt/core/error.hpp>
#include <sstream>
#include <thread>

namespace redoubt::program {
namespace {

using clock = std::chrono::steady_clock;

std::string in_the_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string written(double number) {
  std::ostringstream text;
  text << std::setprecision(6) << number;
  return text.str();
}

url_parts parts_of(const std::string& url) {
  const std::optional<url_parts> parts = split_url(url);
  require(parts.has_value(), "\"", url, "\" is no URL");
  return *parts;
}

std::string trimmed(const std::string& text) {
  const char* const blank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blank);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::unique_ptr<httplib::Client> client_of(const status_server& server, const status_pace& pace) {
  const std::string host = parts_of(server.url).server;
#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
  require(!host.starts_with("https"), "this build has no TLS");
#endif
  auto client = std::make_unique<httplib::Client>(host);
  client->set_connection_timeout(pace.answer);
  client->set_read_timeout(pace.answer);
  client->set_write_timeout(pace.answer);
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  if (!server.certificate_file.empty()) {
    client->set_ca_cert_path(server.certificate_file);
  }
  client->enable_server_certificate_verification(true);
#endif
  return client;
}

}  // namespace

nlohmann::json to_trainer_status(const training_status& status, std::chrono::system_clock::time_point when) {
  nlohmann::json told{{"progressPercentage", std::clamp(status.percent, 0, 100)}, {"lastUpdatedTime", rfc3339(when)}};
  if (status.seconds_left) {
    constexpr std::int64_t most = 0x7fffffff;  // an int32
    told["estimatedRemainingSeconds"] = std::clamp(*status.seconds_left, std::int64_t{0}, most);
  }
  told["metrics"] = nlohmann::json::array();
  for (const auto& [name, value] : status.metrics) {
    told["metrics"].push_back({{"name", name}, {"value", written(value)}});
  }
  return {{"trainerStatus", told}};
}

std::optional<status_server> status_server::from_environment() {
  status_server found{in_the_environment("KUBEFLOW_TRAINER_SERVER_URL"),
                      in_the_environment("KUBEFLOW_TRAINER_SERVER_CA_CERT"),
                      in_the_environment("KUBEFLOW_TRAINER_SERVER_TOKEN")};
  return found.url.empty() ? std::nullopt : std::optional{found};
}

struct status_reporter::state {
  status_server server;
  std::function<void(const std::string&)> say;
  status_pace pace;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<training_status> news;
  std::unique_ptr<httplib::Client> client;
  bool ending = false;
  bool gone = false;  // the end's time is over
  bool ended = false;
  bool has_failed = false;
  std::thread thread;

  void run() {
    // A connection that the server closed must not end the program, and signals are the main thread's.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::unique_lock lock{mutex};
    auto next = clock::now();
    while (true) {
      changed.wait(lock, [&] { return news || ending; });
      changed.wait_until(lock, next, [&] { return gone; });
      if (!news || gone) {
        break;
      }
      attempt(*std::exchange(news, std::nullopt), lock);
      next = clock::now() + pace.between;
    }
    ended = true;
    changed.notify_all();
  }

  void attempt(const training_status& now, std::unique_lock<std::mutex>& lock) {
    try {
      client = client_of(server, pace);
      lock.unlock();
      post(now);
      lock.lock();
    } catch (const std::exception& error) {
      if (!lock.owns_lock()) {
        lock.lock();
      }
      if (!std::exchange(has_failed, true)) {
        say("cannot tell " + server.url + " of the progress: " + error.what() + "; training goes on");
      }
    }
  }

  void post(const training_status& now) const {
    httplib::Headers headers;
    if (!server.token_file.empty()) {
      headers.emplace("Authorization", "Bearer " + trimmed(read_whole(server.token_file)));
    }
    const std::string body = to_trainer_status(now, std::chrono::system_clock::now()).dump();
    const httplib::Result answer = client->Post(parts_of(server.url).path, headers, body, "application/json");
    if (!answer) {
      fail(httplib::to_string(answer.error()));
    }
    if (answer->status < 200 || answer->status > 299) {
      fail("it answered ", answer->status, " ",
           answer->body.substr(0, std::min<std::size_t>(answer->body.find('\n'), 200)));
    }
  }
};

status_reporter::status_reporter(status_server server, std::function<void(const std::string&)> say, status_pace pace)
    : state_{std::make_unique<state>()} {
  state_->server = std::move(server);
  state_->say = std::move(say);
  state_->pace = pace;
  state_->thread = std::thread{[s = state_.get()] { s->run(); }};
}

status_reporter::~status_reporter() {
  finish();
}

void status_reporter::tell(training_status now) {
  const std::lock_guard lock{state_->mutex};
  state_->news = std::move(now);
  state_->changed.notify_all();
}

void status_reporter::finish() {
  if (!state_->thread.joinable()) {
    return;
  }
  {
    std::unique_lock lock{state_->mutex};
    state_->ending = true;
    state_->changed.notify_all();
    if (!state_->changed.wait_for(lock, state_->pace.end, [&] { return state_->ended; })) {
      state_->gone = true;
      state_->changed.notify_all();
      if (state_->client) {
        state_->client->stop();  // a server that neither answers nor gives up
      }
    }
  }
  state_->thread.join();
}

}  // namespace redoubt::program
