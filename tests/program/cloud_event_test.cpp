#include "cloud_event.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace redoubt::program;
using nlohmann::json;

namespace {

const http_headers logged{{"content-type", "application/octet-stream"},
                          {"ce-specversion", "1.0"},
                          {"ce-id", "7"},
                          {"ce-source", "http://localhost:9081/"},
                          {"ce-type", "org.kubeflow.serving.inference.request"},
                          {"ce-inferenceservicename", "fashion"},
                          {"ce-metadata", R"({"Inference-Header-Content-Length":["135"]})"}};

const http_headers structured_headers{{"content-type", "application/cloudevents+json; charset=utf-8"}};

std::string refusal(const http_headers& headers, const std::string& body) {
  try {
    static_cast<void>(read_cloud_events(headers, body));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was refused";
}

}  // namespace

TEST_CASE("cloud_event: binary mode takes attributes from headers and the body as it is") {
  const std::string body{"\0\x01{\xff", 4};
  const auto events = read_cloud_events(logged, body);
  REQUIRE(events.size() == 1);
  CHECK(events[0].id == "7");
  CHECK(events[0].source == "http://localhost:9081/");
  CHECK(events[0].type == "org.kubeflow.serving.inference.request");
  CHECK(events[0].attributes.at("inferenceservicename") == "fashion");
  CHECK(events[0].content_type == "application/octet-stream");
  CHECK(events[0].data == body);
  CHECK_FALSE(events[0].attributes.contains("specversion"));
}

TEST_CASE("cloud_event: structured mode takes JSON, text and base64, a batch several") {
  const json event = {{"specversion", "1.0"}, {"id", "a"},   {"source", "/s"}, {"type", "t"},
                      {"data", {{"x", 1}}},   {"number", 5}, {"subject", "y"}};
  auto events = read_cloud_events(structured_headers, event.dump());
  REQUIRE(events.size() == 1);
  CHECK(events[0].data == R"({"x":1})");
  CHECK(events[0].attributes.at("number") == "5");
  CHECK(events[0].attributes.at("subject") == "y");
  json packed = event;
  packed.erase("data");
  packed["data_base64"] = "AAEC/w==";
  events =
      read_cloud_events({{"content-type", "application/cloudevents-batch+json"}}, json::array({event, packed}).dump());
  REQUIRE(events.size() == 2);
  CHECK(events[1].data == std::string("\0\1\2\xff", 4));
  CHECK(read_cloud_events({{"content-type", "application/cloudevents-batch+json"}}, "[]").empty());
}

TEST_CASE("cloud_event: what is written in structured mode reads back the same") {
  const cloud_event event{.id = "a",
                          .source = "/s",
                          .type = "t",
                          .attributes = {{"subject", "fashion"}},
                          .content_type = "application/json",
                          .data = R"({"k":[1,2]})"};
  const auto again = read_cloud_events(structured_headers, structured(event).dump());
  REQUIRE(again.size() == 1);
  CHECK(again[0].id == event.id);
  CHECK(again[0].type == event.type);
  CHECK(again[0].attributes == event.attributes);
  CHECK(again[0].content_type == event.content_type);
  CHECK(again[0].data == event.data);
}

TEST_CASE("cloud_event: what is no event is refused in words") {
  CHECK(refusal({}, "{}").find("no CloudEvent") != std::string::npos);
  http_headers without_id = logged;
  without_id.erase("ce-id");
  CHECK(refusal(without_id, "").find("no id") != std::string::npos);
  http_headers old = logged;
  old["ce-specversion"] = "0.3";
  CHECK(refusal(old, "").find("0.3") != std::string::npos);
  CHECK(refusal(structured_headers, "{").find("no JSON") != std::string::npos);
  CHECK(refusal(structured_headers, "[]").find("no JSON object") != std::string::npos);
  CHECK(refusal(structured_headers, R"({"id": "1"})").find("specversion") != std::string::npos);
  CHECK(refusal(structured_headers, R"({"specversion": "1.0", "id": {}, "source": "s", "type": "t"})").find("id") !=
        std::string::npos);
  CHECK(refusal(structured_headers,
                R"({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": "A"})")
            .find("base64") != std::string::npos);
  CHECK(refusal({{"content-type", "application/cloudevents-batch+json"}}, "{}").find("array") != std::string::npos);
}
