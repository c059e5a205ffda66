#include "logged_request.hpp"

#include "gzip.hpp"
#include "lower_case.hpp"

#include <charconv>
#include <redoubt/core/error.hpp>

namespace redoubt::program {
namespace {

using nlohmann::json;

constexpr std::size_t most_bytes = std::size_t{64} << 20;  // of a body, once unpacked

std::optional<std::size_t> number_in(const std::string& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional{number} : std::nullopt;
}

// {"Inference-Header-Content-Length": ["135"], ...}: request headers, each with all its values.
std::optional<std::size_t> size_in_metadata(const cloud_event& event) {
  const auto found = event.attributes.find("metadata");
  if (found == event.attributes.end()) {
    return {};
  }
  const json headers = json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  if (!headers.is_object()) {
    return {};
  }
  for (const auto& [name, values] : headers.items()) {
    if (lower_case(name) == "inference-header-content-length") {
      const json& value = values.is_array() && !values.empty() ? values.front() : values;
      return value.is_string() ? number_in(value.get<std::string>()) : std::nullopt;
    }
  }
  return {};
}

// Where the JSON object that a body begins with ends; the body's end where it has none.
std::size_t leading_object(std::string_view body) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && (depth == 0 || --depth == 0)) {
      const bool last = body.find_first_not_of(" \t\r\n", i + 1) == std::string_view::npos;
      return last ? body.size() : i + 1;
    }
  }
  return body.size();
}

std::string unpacked(const std::string& data) {
  if (!is_gzip(data)) {
    return data;
  }
  std::string bytes;
  try {
    bytes = gunzip(data, most_bytes + 1);
  } catch (const std::runtime_error& error) {
    require(false, "the logged body is damaged: ", error.what());
  }
  require(bytes.size() <= most_bytes, "the logged body unpacks to more than ", most_bytes, " bytes");
  return bytes;
}

}  // namespace

oip_request read_logged_request(const cloud_event& event) {
  const std::string body = unpacked(event.data);
  return parse_oip_request(body, size_in_metadata(event).value_or(leading_object(body)));
}

}  // namespace redoubt::program
