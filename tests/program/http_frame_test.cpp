#include "http_frame.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace redoubt::program;

namespace {

constexpr std::size_t most = 1000;

// What a reader says that gets the text byte by byte, at the byte at which it says it.
struct verdict {
  http_frame::state what;
  std::size_t at;
};

verdict fed_by_bytes(http_frame& frame, std::string_view text) {
  for (std::size_t i = 1; i <= text.size(); ++i) {
    const http_frame::state now = frame.look(text.substr(0, i));
    if (now != http_frame::state::open) {
      return {now, i};
    }
  }
  return {http_frame::state::open, text.size()};
}

void check_whole(const std::string& text, std::size_t size, const std::string& body) {
  CAPTURE(text);
  http_frame slow{most};
  const verdict bytes = fed_by_bytes(slow, text);
  CHECK(bytes.what == http_frame::state::whole);
  CHECK(bytes.at == size);
  http_frame fast{most};
  CHECK(fast.look(text) == http_frame::state::whole);
  CHECK(fast.size() == size);
  CHECK(slow.size() == size);
  std::string joined;
  for (const std::string_view& part : fast.body(std::string_view{text}.substr(0, size))) {
    joined += part;
  }
  CHECK(joined == body);
}

void check_refused(const std::string& text, int status, const char* part) {
  CAPTURE(text);
  http_frame slow{most};
  CHECK(fed_by_bytes(slow, text).what == http_frame::state::refused);
  http_frame fast{most};
  CHECK(fast.look(text) == http_frame::state::refused);
  for (const http_frame* each : {&slow, &fast}) {
    CHECK(each->status() == status);
    CHECK(each->why().find(part) != std::string::npos);
  }
  CHECK(fast.look(text + "x") == http_frame::state::refused);
}

std::string head(const std::string& fields) {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("http_frame: a request ends where its length says, however it comes") {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  check_whole(get, get.size(), "");
  check_whole(get + "next", get.size(), "");
  const std::string bare = "GET / HTTP/1.0\r\n\r\n";
  check_whole(bare, bare.size(), "");
  const std::string post = head("content-LENGTH: \t5 \r\n");
  check_whole(post + "hello", post.size() + 5, "hello");
  check_whole(post + "hello and more", post.size() + 5, "hello");
}

TEST_CASE("http_frame: a request in chunks ends with the last chunk's trailer") {
  const std::string start = head("Transfer-Encoding: Chunked\r\n");
  const std::string two = start + "5\r\nhello\r\n1a;name=value\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
  check_whole(two, two.size(), "helloabcdefghijklmnopqrstuvwxyz");
  check_whole(two + "GET", two.size(), "helloabcdefghijklmnopqrstuvwxyz");
  const std::string trailed = start + "2\r\n\r\n\r\n0\r\nA: b\r\n\r\n";
  check_whole(trailed, trailed.size(), "\r\n");
  const std::string none = start + "0\r\n\r\n";
  check_whole(none, none.size(), "");
}

TEST_CASE("http_frame: what two readers could read differently, or what is too large, is refused") {
  check_refused(head("Content-Length: 5\r\nContent-Length: 5\r\n"), 400, "Content-Length");
  check_refused(head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400, "Transfer-Encoding");
  for (const char* length : {"-1", "+5", "5,5", "0x5", "", "99999999999999999999999999"}) {
    check_refused(head("Content-Length: " + std::string(length) + "\r\n"), 400, "Content-Length");
  }
  check_refused(head("Transfer-Encoding: gzip, chunked\r\n"), 400, "Transfer-Encoding");
  check_refused(head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400, "Transfer-Encoding");
  check_refused(head("Content-Length : 5\r\n"), 400, "no header");
  check_refused(head(" folded: 5\r\n"), 400, "no header");
  check_refused(head("nothing\r\n"), 400, "no header");
  check_refused(head("Content-Length: 1001\r\n"), 413, "larger");
  check_refused("GET /" + std::string(40000, 'a'), 431, "longer");
  check_refused(head("Content-Encoding: br\r\n"), 415, "gzip or deflate");
  const std::string chunks = head("Transfer-Encoding: chunked\r\n");
  check_refused(chunks + "x\r\n", 400, "no size");
  check_refused(chunks + "-1\r\n", 400, "no size");
  check_refused(chunks + "\r\n", 400, "no size");
  check_refused(chunks + std::string(300, '0'), 400, "no size");
  check_refused(chunks + "2\r\nabc\r\n", 400, "not as long");
  check_refused(chunks + "3e9\r\n", 413, "larger");
  check_refused(chunks + "ffffffffffffffff\r\n", 413, "larger");
  std::string endless = chunks;
  for (int i = 0; i < 20000; ++i) {
    endless += "1\r\na\r\n";
  }
  check_refused(endless, 413, "larger");
}

TEST_CASE("http_frame: knows who waits before sending, and what is compressed") {
  http_frame frame{most};
  CHECK(frame.look(head("Expect: 100-continue\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n")) ==
        http_frame::state::open);
  CHECK(frame.waits());
  CHECK(frame.is_compressed());
  http_frame plain{most};
  CHECK(plain.look(head("Content-Length: 5\r\nContent-Encoding: identity\r\n")) == http_frame::state::open);
  CHECK_FALSE(plain.waits());
  CHECK_FALSE(plain.is_compressed());
}
