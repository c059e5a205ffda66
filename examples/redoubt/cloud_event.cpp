#include "cloud_event.hpp"

#include "base64.hpp"
#include "bounded_json.hpp"

#include <redoubt/core/error.hpp>
#include <utility>

namespace redoubt::program {
namespace {

using nlohmann::json;

constexpr std::string_view structured_type = "application/cloudevents+json";
constexpr std::string_view batch_type = "application/cloudevents-batch+json";

std::string content_type_of(const http_headers& headers) {
  const auto found = headers.find("content-type");
  return found == headers.end() ? "" : found->second;
}

// Whether a Content-Type names `type`, whatever parameters follow.
bool is_type(const std::string& content_type, std::string_view type) {
  const std::size_t end = content_type.find_first_of("; ");
  return content_type.compare(0, std::min(end, content_type.size()), type) == 0;
}

// Moves an attribute to the member that it has of its own.
void set(cloud_event& event, const std::string& name, std::string value) {
  if (name == "specversion") {
    require(value == "1.0", "CloudEvents ", value, " is not read here; send specversion 1.0");
  } else if (name == "id") {
    event.id = std::move(value);
  } else if (name == "source") {
    event.source = std::move(value);
  } else if (name == "type") {
    event.type = std::move(value);
  } else if (name == "datacontenttype") {
    event.content_type = std::move(value);
  } else {
    event.attributes[name] = std::move(value);
  }
}

void require_complete(const cloud_event& event) {
  for (const auto& [name, value] : {std::pair{"id", event.id}, {"source", event.source}, {"type", event.type}}) {
    require(!value.empty(), "the event has no ", name);
  }
}

cloud_event read_binary(const http_headers& headers, std::string_view body) {
  cloud_event event;
  for (auto at = headers.lower_bound("ce-"); at != headers.end() && at->first.starts_with("ce-"); ++at) {
    set(event, at->first.substr(3), at->second);
  }
  event.content_type = content_type_of(headers);
  event.data = body;
  return event;
}

std::string text_of(const json& value, const std::string& name) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  require(value.is_primitive(), "the event's ", name, " must be a string, got ", value.dump());
  return value.dump();  // numbers and booleans are attributes, too
}

cloud_event read_structured(const json& object) {
  require(object.is_object(), "the event is no JSON object");
  require(object.contains("specversion"), "the event has no specversion");
  cloud_event event;
  for (const auto& [name, value] : object.items()) {
    if (name == "data") {
      event.data = value.is_string() ? value.get<std::string>() : value.dump();
    } else if (name == "data_base64") {
      const auto bytes = value.is_string() ? from_base64(value.get_ref<const std::string&>()) : std::nullopt;
      require(bytes.has_value(), "the event's data_base64 is no base64");
      event.data = *bytes;
    } else if (!value.is_null()) {
      set(event, name, text_of(value, name));
    }
  }
  return event;
}

}  // namespace

std::vector<cloud_event> read_cloud_events(const http_headers& headers, std::string_view body) {
  const std::string type = content_type_of(headers);
  std::vector<cloud_event> events;
  if (is_type(type, structured_type) || is_type(type, batch_type)) {
    const json parsed = parse_bounded(body, "the event");
    if (is_type(type, structured_type)) {
      events.push_back(read_structured(parsed));
    } else {
      require(parsed.is_array(), "a batch of events must be a JSON array");
      for (const json& each : parsed) {
        events.push_back(read_structured(each));
      }
    }
  } else {
    require(headers.contains("ce-specversion"),
            "this is no CloudEvent: neither ce-specversion nor Content-Type application/cloudevents+json is there");
    events.push_back(read_binary(headers, body));
  }
  for (const cloud_event& event : events) {
    require_complete(event);
  }
  return events;
}

json structured(const cloud_event& event) {
  json object = {{"specversion", "1.0"}, {"id", event.id}, {"source", event.source}, {"type", event.type}};
  for (const auto& [name, value] : event.attributes) {
    object[name] = value;
  }
  object["datacontenttype"] = event.content_type;
  object["data"] = json::parse(event.data);
  return object;
}

}  // namespace redoubt::program
