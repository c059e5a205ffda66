#include "trainer_status.hpp"

#include "files.hpp"
#include "listening.hpp"
#include "temporary_folder.hpp"

#include <doctest/doctest.h>
#include <httplib.h>

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace redoubt::program;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

using clock = std::chrono::steady_clock;

/// A server that notes what it is told, and answers as it is asked to.
class listener {
 public:
  struct post {
    clock::time_point when;
    std::string authorization;
    json body;
  };

  explicit listener(int status = 200, std::chrono::milliseconds delay = 0ms) {
    server_.Post("/status", [this, status, delay](const httplib::Request& request, httplib::Response& to) {
      {
        const std::lock_guard lock{mutex_};
        posts_.push_back({clock::now(), request.get_header_value("Authorization"), json::parse(request.body)});
      }
      std::this_thread::sleep_for(delay);
      to.status = status;
      to.set_content("{}", "application/json");
    });
    listening_.emplace(server_);
  }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(listening_->port()) + "/status"; }

  [[nodiscard]] std::vector<post> posts() {
    const std::lock_guard lock{mutex_};
    return posts_;
  }

  void wait_for(std::size_t count) {
    const auto began = clock::now();
    while (posts().size() < count && clock::now() - began < 30s) {
      std::this_thread::sleep_for(1ms);
    }
  }

 private:
  httplib::Server server_;
  std::mutex mutex_;
  std::vector<post> posts_;
  std::optional<listening> listening_;
};

/// What was said, from whichever thread.
class lines {
 public:
  [[nodiscard]] std::function<void(const std::string&)> ear() {
    return [this](const std::string& line) {
      const std::lock_guard lock{mutex_};
      said_.push_back(line);
    };
  }
  [[nodiscard]] std::vector<std::string> said() {
    const std::lock_guard lock{mutex_};
    return said_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> said_;
};

double seconds_since(clock::time_point began) {
  return std::chrono::duration<double>(clock::now() - began).count();
}

int percent_of(const listener::post& post) {
  return post.body["trainerStatus"]["progressPercentage"];
}

}  // namespace

TEST_CASE("a status is written as the TrainJob's definition has it") {
  const auto when = std::chrono::system_clock::from_time_t(951782400);  // 2000-02-29, midnight
  const json body = to_trainer_status({.percent = 45, .seconds_left = 120, .metrics = {{"loss", 0.25}}}, when);
  CHECK(body == json{{"trainerStatus",
                      {{"progressPercentage", 45},
                       {"estimatedRemainingSeconds", 120},
                       {"metrics", {{{"name", "loss"}, {"value", "0.25"}}}},
                       {"lastUpdatedTime", "2000-02-29T00:00:00Z"}}}});
}

TEST_CASE("what would be out of the definition's range is brought into it, and what is not known left out") {
  const json body = to_trainer_status({.percent = 101, .seconds_left = -1}, {})["trainerStatus"];
  CHECK(body["progressPercentage"] == 100);
  CHECK(body["estimatedRemainingSeconds"] == 0);
  CHECK(to_trainer_status({.percent = -1, .seconds_left = std::int64_t{1} << 40},
                          {})["trainerStatus"]["estimatedRemainingSeconds"] == 2147483647);
  CHECK_FALSE(to_trainer_status({}, {})["trainerStatus"].contains("estimatedRemainingSeconds"));
}

TEST_CASE("the server is found in the environment") {
  for (const char* name :
       {"KUBEFLOW_TRAINER_SERVER_URL", "KUBEFLOW_TRAINER_SERVER_CA_CERT", "KUBEFLOW_TRAINER_SERVER_TOKEN"}) {
    ::unsetenv(name);
  }
  CHECK_FALSE(status_server::from_environment().has_value());
  ::setenv("KUBEFLOW_TRAINER_SERVER_URL", "https://host:1/status", 1);
  ::setenv("KUBEFLOW_TRAINER_SERVER_TOKEN", "/token", 1);
  const auto found = status_server::from_environment();
  REQUIRE(found.has_value());
  CHECK(found->url == "https://host:1/status");
  CHECK(found->certificate_file.empty());
  CHECK(found->token_file == "/token");
  ::unsetenv("KUBEFLOW_TRAINER_SERVER_URL");
  ::unsetenv("KUBEFLOW_TRAINER_SERVER_TOKEN");
}

TEST_CASE("the first is posted at once, then the newest when its turn comes, and the last at the end") {
  listener server;
  lines heard;
  status_reporter reporter{{server.url()}, heard.ear(), {.between = 400ms}};
  reporter.tell({.percent = 1});
  server.wait_for(1);
  for (int percent = 2; percent <= 40; ++percent) {
    reporter.tell({.percent = percent});
  }
  server.wait_for(2);
  reporter.tell({.percent = 41});
  reporter.tell({.percent = 100});
  reporter.finish();
  const std::vector<listener::post> posts = server.posts();
  REQUIRE(posts.size() == 3);
  CHECK(percent_of(posts[0]) == 1);
  CHECK(percent_of(posts[1]) == 40);
  CHECK(percent_of(posts[2]) == 100);
  CHECK(posts[1].when - posts[0].when > 390ms);
  CHECK(posts[2].when - posts[1].when > 390ms);
  CHECK(heard.said().empty());
  reporter.tell({.percent = 7});
  reporter.finish();
  CHECK(server.posts().size() == 3);
}

TEST_CASE("a reporter that was told nothing posts nothing") {
  listener server;
  {
    const status_reporter reporter{{server.url()}, [](const std::string&) {}};
  }
  CHECK(server.posts().empty());
}

TEST_CASE("the token is read anew for each post") {
  listener server;
  const temporary_folder folder;
  const std::string token = (folder / "token").string();
  write_whole(token, "one\n");
  status_reporter reporter{{.url = server.url(), .token_file = token}, [](const std::string&) {}, {.between = 10ms}};
  reporter.tell({.percent = 1});
  server.wait_for(1);
  write_whole(token, "two");
  reporter.tell({.percent = 2});
  reporter.finish();
  const std::vector<listener::post> posts = server.posts();
  REQUIRE(posts.size() == 2);
  CHECK(posts[0].authorization == "Bearer one");
  CHECK(posts[1].authorization == "Bearer two");
}

TEST_CASE("what a server refuses is said once, and told again with the next") {
  listener server{500};
  lines heard;
  status_reporter reporter{{server.url()}, heard.ear(), {.between = 10ms}};
  reporter.tell({.percent = 1});
  server.wait_for(1);
  reporter.tell({.percent = 2});
  reporter.finish();
  CHECK(server.posts().size() == 2);
  CHECK(heard.said() == std::vector<std::string>{"cannot tell " + server.url() +
                                                 " of the progress: it answered 500 {}; training goes on"});
}

TEST_CASE("a server that is not there, or is none, is said once and holds nobody up") {
  for (const std::string& url :
       {std::string{"http://127.0.0.1:1/status"}, std::string{"nonsense"}, std::string{"ftp://x"}}) {
    CAPTURE(url);
    lines heard;
    const auto began = clock::now();
    status_reporter reporter{{url}, heard.ear(), {.between = 10ms}};
    reporter.tell({.percent = 1});
    CHECK(seconds_since(began) < 1);
    reporter.finish();
    CHECK(seconds_since(began) < 20);
    REQUIRE(heard.said().size() == 1);
    CHECK(heard.said()[0].starts_with("cannot tell " + url + " of the progress: "));
  }
}

TEST_CASE("a server that does not answer is waited for no longer than the pace allows") {
  listener server{200, 3s};
  lines heard;
  status_reporter reporter{{server.url()}, heard.ear(), {.between = 10ms, .answer = 60s, .end = 300ms}};
  reporter.tell({.percent = 1});
  server.wait_for(1);
  const auto began = clock::now();
  reporter.tell({.percent = 2});
  CHECK(seconds_since(began) < 0.2);
  reporter.finish();
  CHECK(seconds_since(began) < 2.5);
  CHECK(server.posts().size() == 1);
}
