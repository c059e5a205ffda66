#include "event_sink.hpp"

#include "files.hpp"
#include "http_listener.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "temporary_folder.hpp"

using namespace redoubt::program;
using nlohmann::json;

namespace {

cloud_event numbered(int number) {
  return {.id = std::to_string(number),
          .source = "/s",
          .type = "t",
          .content_type = "application/json",
          .data = R"({"number":)" + std::to_string(number) + "}"};
}

// A receiver that refuses the first so many posts.
struct receiver {
  std::mutex mutex;
  std::vector<json> taken;
  int refusals = 0;
  http_listener listener{{.host = "127.0.0.1", .port = 0, .threads = 2}};

  explicit receiver(int refused) : refusals{refused} {
    listener.routes().Post("/in", [this](const httplib::Request& request, httplib::Response& to) {
      const std::scoped_lock lock{mutex};
      if (refusals > 0) {
        --refusals;
        answer(to, {}, 503);
        return;
      }
      taken.push_back(json::parse(request.body));
      CHECK(request.get_header_value("Content-Type") == "application/cloudevents+json");
      answer(to, {}, 202);
    });
    listener.start();
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(listener.port()) + "/in"; }
};

bool becomes_true(const std::function<bool()>& what) {
  for (int i = 0; i < 1000 && !what(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return what();
}

}  // namespace

TEST_CASE("event_sink: events arrive in order, once a receiver that refuses them takes them") {
  receiver to{1};
  event_sink sink{to.url(), {}};
  sink.send(numbered(1));
  sink.send(numbered(2));
  REQUIRE(becomes_true([&] { return sink.figures().delivered == 2; }));
  CHECK(sink.figures().failed == 1);
  CHECK(sink.figures().waiting == 0);
  REQUIRE(to.taken.size() == 2);
  CHECK(to.taken[0]["id"] == "1");
  CHECK(to.taken[0]["specversion"] == "1.0");
  CHECK(to.taken[1]["data"]["number"] == 2);
}

TEST_CASE("event_sink: a restart sends what was on its way") {
  const temporary_folder folder;
  const auto file = folder / "outbox.json";
  {
    event_sink sink{"http://127.0.0.1:1", file};  // where nobody listens
    sink.send(numbered(7));
    REQUIRE(becomes_true([&] { return sink.figures().failed >= 1; }));
  }
  receiver to{0};
  const event_sink sink{to.url(), file};
  REQUIRE(becomes_true([&] { return sink.figures().delivered == 1; }));
  CHECK(to.taken.at(0)["id"] == "7");
  REQUIRE(becomes_true([&] { return read_whole(file) == "[]"; }));
}

TEST_CASE("event_sink: without a URL events go nowhere") {
  event_sink sink{"", {}};
  sink.send(numbered(1));
  CHECK(sink.figures().waiting == 0);
}

TEST_CASE("event_sink: a URL of another form, and a file of something else, are named") {
  CHECK_THROWS_WITH_AS((event_sink{"broker:80", {}}), doctest::Contains("broker:80"), std::invalid_argument);
  const temporary_folder folder;
  write_whole(folder / "outbox.json", "{");
  CHECK_THROWS_WITH_AS((event_sink{"http://localhost:1", folder / "outbox.json"}), doctest::Contains("outbox.json"),
                       std::runtime_error);
}
