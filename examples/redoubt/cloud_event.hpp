#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::program {

/// A CloudEvent, version 1.0.
struct cloud_event {
  std::string id;
  std::string source;
  std::string type;
  std::map<std::string, std::string> attributes = {};  ///< optional ones and extensions: subject, time, metadata, ...
  std::string content_type = {};                       ///< of the data
  std::string data = {};                               ///< its bytes, as they were sent
};

/// Header names in lower case, and their values.
using http_headers = std::map<std::string, std::string>;

/// The events that a POST brings: one in binary mode (ce-* headers) or structured mode (application/cloudevents+json),
/// several in a batch (application/cloudevents-batch+json).
///
/// Throws std::invalid_argument, naming what is missing or wrong: no event, another version than 1.0, an attribute that
/// is no string, JSON or base64 that does not parse.
[[nodiscard]] std::vector<cloud_event> read_cloud_events(const http_headers& headers, std::string_view body);

/// The event in structured mode, its data as JSON: the body of a POST of type application/cloudevents+json.
[[nodiscard]] nlohmann::json structured(const cloud_event& event);

}  // namespace redoubt::program
