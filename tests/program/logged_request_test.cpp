#include "logged_request.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "gzip_bytes.hpp"

using namespace redoubt::program;
using nlohmann::json;

namespace {

const std::string two_floats{"\0\0\x80\x3f\0\0\0\x40", 8};

std::string header(bool binary) {
  json input = {{"name", "images"}, {"datatype", "FP32"}, {"shape", {1, 2}}};
  if (binary) {
    input["parameters"] = {{"binary_data_size", 8}};
  } else {
    input["data"] = {1, 2};
  }
  return json{{"id", "a}\"["}, {"inputs", {input}}}.dump();
}

cloud_event event(const std::string& data, const std::string& metadata = {}) {
  cloud_event made{.id = "1", .source = "/", .type = logged_request_type, .data = data};
  if (!metadata.empty()) {
    made.attributes["metadata"] = metadata;
  }
  return made;
}

std::string bytes_in(const cloud_event& of) {
  const oip_request request = read_logged_request(of);
  return request.inputs.at(0).bytes;
}

}  // namespace

TEST_CASE("logged_request: JSON bodies are read whole, whatever white space follows") {
  CHECK(bytes_in(event(header(false))) == two_floats);
  CHECK(bytes_in(event(header(false) + "\n")) == two_floats);
}

TEST_CASE("logged_request: raw tensors are found by the kept header, in any case, and by the braces without it") {
  const std::string size = std::to_string(header(true).size());
  const std::string body = header(true) + two_floats;
  CHECK(bytes_in(event(body, R"({"Inference-Header-Content-Length":[")" + size + "\"]}")) == two_floats);
  CHECK(bytes_in(event(body, R"({"inference-header-content-length":")" + size + "\"}")) == two_floats);
  CHECK(bytes_in(event(body)) == two_floats);
  CHECK(bytes_in(event(body, "no JSON")) == two_floats);
  CHECK(bytes_in(event(body, R"({"Other":["1"]})")) == two_floats);
}

TEST_CASE("logged_request: a body that is gzipped is unpacked") {
  CHECK(bytes_in(event(gzipped(header(true) + two_floats))) == two_floats);
}

TEST_CASE("logged_request: what is no request is refused") {
  for (const std::string& data : {std::string{}, std::string{"{"}, std::string{"\x1f\x8b\x08"}, two_floats,
                                  header(true), header(true) + two_floats + "x"}) {
    CAPTURE(data);
    CHECK_THROWS_AS(static_cast<void>(read_logged_request(event(data))), std::invalid_argument);
  }
  const std::string lie = R"({"Inference-Header-Content-Length":["99999"]})";
  CHECK_THROWS_AS(static_cast<void>(read_logged_request(event(header(true) + two_floats, lie))), std::invalid_argument);
}
