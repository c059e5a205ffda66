#include "event_server.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gzip_bytes.hpp"
#include "listening.hpp"

using namespace redoubt::program;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// A server that answers POST /size with its body's size, GET /large with many bytes, and GET /held once it is let.
struct running {
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::atomic<int> held = 0;
  event_server server;
  std::optional<listening> listener;

  explicit running(const event_options& options) : server{options} {
    server.Post("/size", [](const httplib::Request& request, httplib::Response& to) {
      to.set_content(std::to_string(request.body.size()), "text/plain");
    });
    server.Get("/large", [](const httplib::Request&, httplib::Response& to) {
      to.set_content(std::string(30 << 20, 'x'), "text/plain");
    });
    server.Get("/held", [this](const httplib::Request&, httplib::Response& to) {
      ++held;
      open.wait();
      to.set_content("let go", "text/plain");
    });
    listener.emplace(server);
  }

  running(const running&) = delete;
  running& operator=(const running&) = delete;

  [[nodiscard]] int port() const { return listener->port(); }
  [[nodiscard]] httplib::Client client() const { return httplib::Client{"127.0.0.1", port()}; }
};

// A socket that says what it is told to.
class raw_client {
 public:
  explicit raw_client(const running& to) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(to.port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    REQUIRE(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  raw_client(raw_client&& other) noexcept : socket_{std::exchange(other.socket_, -1)} {}
  raw_client& operator=(raw_client&&) = delete;
  ~raw_client() {
    if (socket_ >= 0) {
      close(socket_);
    }
  }

  void say(std::string_view text) const {
    REQUIRE(send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  void end() const { shutdown(socket_, SHUT_WR); }

  // Bytes up to the end of what they close with.
  [[nodiscard]] std::string hear_until(const std::string& last) const {
    std::string heard;
    char byte = 0;
    while (!heard.ends_with(last) && recv(socket_, &byte, 1, 0) == 1) {
      heard += byte;
    }
    return heard;
  }

  // All until the other side closes; "..." at the end where it does not.
  [[nodiscard]] std::string hear_out() const {
    std::string heard;
    std::string block(1 << 16, '\0');
    while (true) {
      const ssize_t count = recv(socket_, block.data(), block.size(), 0);
      if (count <= 0) {
        return count == 0 ? heard : heard + "...";
      }
      heard.append(block, 0, static_cast<std::size_t>(count));
    }
  }

 private:
  int socket_ = socket(AF_INET, SOCK_STREAM, 0);
};

std::string post(const std::string& body, const std::string& fields = "") {
  return "POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" +
         body;
}

void check_refusal(const std::string& answer, int status) {
  CAPTURE(answer);
  CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
  const std::size_t body = answer.find("\r\n\r\n");
  REQUIRE(body != std::string::npos);
  CHECK(json::parse(answer.substr(body + 4)).at("error").is_string());
}

std::vector<raw_client> crowd(const running& it, int count, const std::string& words) {
  std::vector<raw_client> all;
  for (int i = 0; i < count; ++i) {
    all.emplace_back(it).say(words);
  }
  return all;
}

}  // namespace

TEST_CASE("event_server: answers as the library does, on connections that are kept") {
  const running it{{.threads = 2}};
  httplib::Client client = it.client();
  client.set_keep_alive(true);
  for (int i = 0; i < 50; ++i) {
    const auto answer = client.Post("/size", std::string(static_cast<std::size_t>(i) * 1000, 'x'), "text/plain");
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == std::to_string(i * 1000));
  }
  const auto missing = client.Get("/nothing");
  REQUIRE(missing);
  CHECK(missing->status == 404);
}

TEST_CASE("event_server: who is idle, slow or half done keeps nobody waiting, be they more than threads") {
  const running it{{.threads = 1}};
  const auto idle = crowd(it, 100, "");
  const auto slow = crowd(it, 100, "POST /size HTTP/1.1\r\nHos");
  const auto half = crowd(it, 100, "POST /size HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc");
  for (int i = 0; i < 20; ++i) {
    const auto answer = it.client().Post("/size", "hello", "text/plain");
    REQUIRE(answer);
    CHECK(answer->body == "5");
  }
  slow.front().say("t: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab");
  CHECK(slow.front().hear_out().ends_with("\r\n\r\n2"));
}

TEST_CASE("event_server: a request that takes too long to come gets 408, a connection without one is closed") {
  const running it{{.threads = 1, .idle = 300ms, .request = 300ms}};
  const raw_client slow{it};
  slow.say("POST /size HTTP/1.1\r\n");
  const raw_client idle{it};
  check_refusal(slow.hear_out(), 408);
  CHECK(idle.hear_out().empty());
}

TEST_CASE("event_server: who has said all and only listens on gets his answer") {
  const running it{{.threads = 1}};
  const raw_client one{it};
  one.say(post("hello"));
  one.end();
  const std::string answer = one.hear_out();
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(answer.ends_with("\r\n\r\n5"));
  const raw_client torn{it};
  torn.say(post("hello").substr(0, post("hello").size() - 1));
  torn.end();
  check_refusal(torn.hear_out(), 400);
}

TEST_CASE("event_server: requests sent at once are answered in their order") {
  const running it{{.threads = 4}};
  const raw_client one{it};
  one.say(post("a") + post("bc") + post("def", "Connection: close\r\n"));
  const std::string answers = one.hear_out();
  CAPTURE(answers);
  const std::size_t first = answers.find("\r\n\r\n1HTTP/1.1 200");
  const std::size_t second = answers.find("\r\n\r\n2HTTP/1.1 200");
  CHECK(first < second);
  CHECK(second != std::string::npos);
  CHECK(answers.ends_with("\r\n\r\n3"));
}

TEST_CASE("event_server: chunks, and a sender that asks before it sends") {
  const running it{{.threads = 1}};
  const raw_client chunks{it};
  chunks.say("POST /size HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n");
  chunks.say("a\r\n0123456789\r\n0\r\n\r\n");
  CHECK(chunks.hear_out().ends_with("\r\n\r\n13"));
  const raw_client asks{it};
  asks.say("POST /size HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  CHECK(asks.hear_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  asks.say("hello");
  CHECK(asks.hear_out().ends_with("\r\n\r\n5"));
}

TEST_CASE("event_server: what is no request, or too large, also once inflated, is refused in JSON and closed") {
  const running it{{.threads = 1, .most_body = 100000}};
  const auto answer_to = [&](const std::string& words) {
    const raw_client one{it};
    one.say(words);
    return one.hear_out();
  };
  check_refusal(answer_to("POST /size HTTP/1.1\r\nContent-Length: -5\r\n\r\n"), 400);
  check_refusal(answer_to("POST /size HTTP/1.1\r\nContent-Length: 100001\r\n\r\n"), 413);
  check_refusal(answer_to("GET /" + std::string(50000, 'a')), 431);
  check_refusal(answer_to(post(gzipped(std::string(100001, 'a')), "Content-Encoding: gzip\r\n")), 413);
  CHECK(answer_to(post(gzipped(std::string(100000, 'a')), "Content-Encoding: gzip\r\nConnection: close\r\n"))
            .ends_with("\r\n\r\n100000"));
}

TEST_CASE("event_server: more connections or more bytes than allowed get 503") {
  const running few{{.threads = 1, .most_connections = 3}};
  const auto three = crowd(few, 3, "");
  // They are accepted in their order.
  check_refusal(raw_client{few}.hear_out(), 503);
  const running little{{.threads = 1, .most_unanswered = 100000}};
  const auto half = crowd(little, 1, "POST /size HTTP/1.1\r\nContent-Length: 99000\r\n\r\n" + std::string(90000, 'x'));
  std::this_thread::sleep_for(100ms);
  const raw_client another{little};
  another.say("POST /size HTTP/1.1\r\nContent-Length: 99000\r\n\r\n" + std::string(90000, 'x'));
  check_refusal(another.hear_out(), 503);
}

TEST_CASE("event_server: a long answer reaches who reads slowly") {
  const running it{{.threads = 1}};
  const raw_client one{it};
  one.say("GET /large HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string head = one.hear_until("\r\n\r\n");
  std::this_thread::sleep_for(300ms);
  const auto other = it.client().Post("/size", "hello", "text/plain");
  REQUIRE(other);
  CHECK(one.hear_out() == std::string(30 << 20, 'x'));
}

TEST_CASE("event_server: answers what was asked before it ends") {
  auto it = std::make_unique<running>(event_options{.threads = 2});
  const auto idle = crowd(*it, 1, "");
  const raw_client one{*it};
  one.say("GET /held HTTP/1.1\r\n\r\n");
  while (it->held == 0) {
    std::this_thread::sleep_for(1ms);
  }
  auto ended = std::async(std::launch::async, [&] {
    running* const last = it.get();
    std::thread opener{[last] {
      std::this_thread::sleep_for(200ms);
      last->gate.set_value();
    }};
    last->server.stop();
    opener.join();
    it.reset();
  });
  CHECK(one.hear_out().ends_with("\r\n\r\nlet go"));
  ended.get();
  CHECK(idle.front().hear_out().empty());
}
