#include "http_frame.hpp"

#include "demand.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

// Bytes as they come on a connection.
//
// Whatever they are, and in whatever pieces they come, the requests in them end at the same bytes or are refused with
// the same words, and what is called their body lies within them.

using redoubt::program::http_frame;
using redoubt::testing::demand;

namespace {

constexpr std::size_t most_body = 4096;

// Shown a few more bytes at a time.
http_frame::state fed_slowly(http_frame& frame, std::string_view bytes) {
  http_frame::state now = http_frame::state::open;
  for (std::size_t end = 1; end < bytes.size() && now == http_frame::state::open; end += 1 + end / 16) {
    now = frame.look(bytes.substr(0, end));
  }
  return now == http_frame::state::open ? frame.look(bytes) : now;
}

void check_body(const http_frame& frame, std::string_view request) {
  std::size_t size = 0;
  for (const std::string_view& part : frame.body(request)) {
    demand(part.data() >= request.data() && part.data() + part.size() <= request.data() + request.size(),
           "a part of the body lies outside the request");
    size += part.size();
  }
  demand(size <= most_body, "a body is larger than allowed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  while (true) {
    http_frame at_once{most_body};
    http_frame slowly{most_body};
    const http_frame::state what = at_once.look(bytes);
    demand(fed_slowly(slowly, bytes) == what, "the pieces that a request comes in make a difference");
    if (what == http_frame::state::refused) {
      demand(at_once.status() == slowly.status() && at_once.why() == slowly.why() && !at_once.why().empty(),
             "the pieces that a request comes in make a difference to why it is refused");
    }
    if (what != http_frame::state::whole) {
      return 0;
    }
    demand(at_once.size() == slowly.size() && at_once.size() > 0 && at_once.size() <= bytes.size(),
           "a request ends where it has no bytes");
    check_body(at_once, bytes.substr(0, at_once.size()));
    bytes.remove_prefix(at_once.size());
  }
}
