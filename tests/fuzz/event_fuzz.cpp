#include "cloud_event.hpp"
#include "demand.hpp"
#include "logged_request.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

// What anybody may POST to a monitor: headers, a line each as "name: value", an empty line, and the body.
//
// Whatever the bytes, reading them gives events or std::invalid_argument; and an event whose data is JSON is the same
// once it was written in structured mode and read again. Each is then taken for a request that KServe has logged.

using namespace redoubt::program;
using redoubt::testing::demand;

namespace {

http_headers read_headers(std::string_view& bytes) {
  http_headers headers;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (line.empty()) {
      break;
    }
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos) {
      headers[std::string{line.substr(0, colon)}] = line.substr(colon + 2);
    }
  }
  return headers;
}

void check_returns(const cloud_event& event) {
  if (!nlohmann::json::accept(event.data)) {
    return;  // structured mode has no form for it here: what we send is JSON
  }
  const std::string written = structured(event).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (written.find("\xef\xbf\xbd") != std::string::npos) {
    return;  // an attribute that was no UTF-8
  }
  const auto again = read_cloud_events({{"content-type", "application/cloudevents+json"}}, written);
  demand(again.size() == 1 && again[0].id == event.id && again[0].type == event.type && again[0].source == event.source,
         "an event has changed");
}

void check_logged(const cloud_event& event) {
  try {
    static_cast<void>(read_logged_request(event));
  } catch (const std::invalid_argument& error) {
    demand(std::string_view{error.what()}.size() < 4096, "a refusal is as long as what is refused");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const http_headers headers = read_headers(bytes);
  try {
    for (const cloud_event& event : read_cloud_events(headers, bytes)) {
      check_returns(event);
      check_logged(event);
    }
  } catch (const std::invalid_argument&) {  // refused in words, as it should be
  }
  return 0;
}
