#include "oip.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

using namespace redoubt::program;
using nlohmann::json;

namespace {

template <class T>
std::string bytes_of(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

oip_request parsed(const json& body) {
  return parse_oip_request(body.dump(), {});
}

json with_input(const json& input) {
  return {{"inputs", {input}}};
}

// That the request is refused, in words that hold `part`.
void check_refused(const std::string& body, std::optional<std::size_t> json_size, const char* part) {
  CAPTURE(body);
  CHECK_THROWS_WITH_AS(static_cast<void>(parse_oip_request(body, json_size)), doctest::Contains(part),
                       std::invalid_argument);
}

void check_refused(const json& body, const char* part) {
  check_refused(body.dump(), {}, part);
}

const json four = {{"name", "x"}, {"shape", {2, 2}}, {"datatype", "FP32"}, {"data", {1, 2.5, -3, 4}}};

json but(json object, const char* member, const json& value) {
  object[member] = value;
  return object;
}

}  // namespace

TEST_CASE("oip: numbers in JSON, flat or nested, become the datatype's bytes") {
  for (const json& data : {json{1, 2.5, -3, 4}, json{{1, 2.5}, {-3, 4}}}) {
    const oip_request request = parsed(with_input(but(four, "data", data)));
    REQUIRE(request.inputs.size() == 1);
    CHECK(request.inputs[0].name == "x");
    CHECK(request.inputs[0].shape == std::vector<std::int64_t>{2, 2});
    CHECK(request.inputs[0].bytes == bytes_of<float>({1, 2.5, -3, 4}));
    CHECK_FALSE(request.id);
    CHECK_FALSE(request.binary_outputs);
  }
  const auto bytes = [](const char* type, const json& data) {
    return parsed(with_input({{"name", "x"}, {"shape", {2}}, {"datatype", type}, {"data", data}})).inputs[0].bytes;
  };
  CHECK(bytes("BOOL", {true, false}) == std::string("\1\0", 2));
  CHECK(bytes("UINT8", {0, 255}) == bytes_of<std::uint8_t>({0, 255}));
  CHECK(bytes("INT16", {-32768, 32767}) == bytes_of<std::int16_t>({-32768, 32767}));
  CHECK(bytes("UINT64", {0, 18446744073709551615U}) == bytes_of<std::uint64_t>({0, 18446744073709551615U}));
  CHECK(bytes("FP64", {1e300, 2}) == bytes_of<double>({1e300, 2}));
}

TEST_CASE("oip: raw tensors follow the JSON, one after the other") {
  const json header = {
      {"id", "7"},
      {"parameters", {{"binary_data_output", true}}},
      {"inputs",
       {{{"name", "a"}, {"shape", {2}}, {"datatype", "FP32"}, {"parameters", {{"binary_data_size", 8}}}},
        {{"name", "b"}, {"shape", {1}}, {"datatype", "INT64"}, {"data", {5}}},
        {{"name", "c"}, {"shape", {3}}, {"datatype", "BF16"}, {"parameters", {{"binary_data_size", 6}}}}}}};
  const std::string text = header.dump();
  const oip_request request =
      parse_oip_request(text + bytes_of<float>({1, NAN}) + bytes_of<std::uint16_t>({1, 2, 3}), text.size());
  CHECK(request.id == "7");
  CHECK(request.binary_outputs);
  REQUIRE(request.inputs.size() == 3);
  CHECK(request.inputs[0].bytes == bytes_of<float>({1, NAN}));
  CHECK(request.inputs[1].bytes == bytes_of<std::int64_t>({5}));
  CHECK(request.inputs[2].bytes == bytes_of<std::uint16_t>({1, 2, 3}));
}

TEST_CASE("oip: what is no request is refused in words that name it") {
  check_refused("", {}, "no JSON object");
  check_refused("{", {}, "no JSON object");
  check_refused("[]", {}, "no JSON object");
  check_refused("{}", 3, "Inference-Header-Content-Length is 3, the body has 2 bytes");
  check_refused(json::object(), "has no \"inputs\"");
  check_refused(json{{"inputs", json::array()}}, "at least one tensor");
  check_refused(json{{"inputs", {four}}, {"id", 7}}, "\"id\" must be a string, got 7");
  check_refused(json{{"inputs", {four}}, {"parameters", 7}}, "\"parameters\" must be an object, got 7");
  check_refused(json{{"inputs", {four}}, {"outputs", 7}}, "\"outputs\" must be an array, got 7");
  check_refused(json{{"inputs", {four}}, {"outputs", {{{"name", "y"}, {"parameters", {{"classification", 3}}}}}}},
                "output \"y\": classification is not offered");
  check_refused(with_input(7), "an input has no \"name\"");
  check_refused(with_input(but(four, "datatype", "FP8")), "input \"x\": datatype FP8");
  check_refused(with_input(but(four, "datatype", "FP16")), "FP16 has no form in JSON");
  check_refused(with_input(but(four, "shape", {-1, 2})), "got -1");
  check_refused(with_input(but(four, "shape", {1.5})), "got 1.5");
  check_refused(with_input(but(four, "shape", {5})), "\"data\" has 4 numbers, \"shape\" asks for 5");
  check_refused(with_input(but(four, "shape", {2147483647, 2147483647, 2147483647})), "more elements than any body");
  check_refused(with_input(but(four, "data", 7)), "\"data\" must be an array");
  check_refused(with_input(but(four, "data", {1, "two", 3, 4})), "cannot hold \"two\"");
  check_refused(with_input(but(four, "data", {1, nullptr, 3, 4})), "cannot hold null");
  check_refused(with_input(but(four, "data", {{{{1, 2, 3, 4}}}})), "nested deeper");
  check_refused(with_input({{"name", "x"}, {"shape", {1}}, {"datatype", "UINT8"}, {"data", {256}}}), "cannot hold 256");
  check_refused(with_input({{"name", "x"}, {"shape", {1}}, {"datatype", "INT8"}, {"data", {1.5}}}), "cannot hold 1.5");
  check_refused(with_input(but(four, "parameters", {{"binary_data_size", 16}})), "\"data\" and binary data, too");
}

TEST_CASE("oip: raw tensors that do not add up are refused") {
  const auto body = [](const json& size, std::size_t bytes) {
    const std::string text =
        json{{"inputs",
              {{{"name", "x"}, {"shape", {2}}, {"datatype", "FP32"}, {"parameters", {{"binary_data_size", size}}}}}}}
            .dump();
    return std::pair{text + std::string(bytes, '\0'), text.size()};
  };
  const auto [right, size] = body(8, 8);
  CHECK(parse_oip_request(right, size).inputs[0].bytes.size() == 8);
  const auto refused = [&](const std::pair<std::string, std::size_t>& made, const char* part) {
    check_refused(made.first, made.second, part);
  };
  refused(body(8, 7), "8 bytes of binary data are announced, 7 are left");
  refused(body(8, 9), "1 bytes more than its tensors");
  refused(body(7, 7), "\"binary_data_size\" is 7, shape and datatype ask for 8");
  refused(body(-8, 8), "\"binary_data_size\" is -8");
  refused(body("8", 8), "\"binary_data_size\" is \"8\"");
}

TEST_CASE("oip: an answer is JSON, or raw where the request asks for it") {
  const oip_tensor logits{"logits", "FP32", {1, 2}, bytes_of<float>({0.5, -2})};
  const oip_tensor labels{"labels", "INT64", {1}, bytes_of<std::int64_t>({3})};
  oip_request request{.id = "9", .inputs = {}, .outputs = {}, .binary_outputs = false};
  const oip_body plain = oip_answer(request, {logits, labels}, "net", "2");
  CHECK_FALSE(plain.json_size);
  CHECK(json::parse(plain.bytes) ==
        json{{"model_name", "net"},
             {"model_version", "2"},
             {"id", "9"},
             {"outputs",
              {{{"name", "logits"}, {"datatype", "FP32"}, {"shape", {1, 2}}, {"data", {0.5, -2}}},
               {{"name", "labels"}, {"datatype", "INT64"}, {"shape", {1}}, {"data", {3}}}}}});

  request.outputs = {{.name = "labels", .binary = {}}, {.name = "logits", .binary = true}};
  const oip_body mixed = oip_answer(request, {logits, labels}, "net", "2");
  REQUIRE(mixed.json_size);
  const json header = json::parse(mixed.bytes.substr(0, *mixed.json_size));
  CHECK(header["outputs"][0]["data"] == json{3});
  CHECK(header["outputs"][1]["parameters"]["binary_data_size"] == 8);
  CHECK(mixed.bytes.substr(*mixed.json_size) == logits.bytes);

  request.outputs = {{.name = "labels", .binary = false}};
  request.binary_outputs = true;
  CHECK_FALSE(oip_answer(request, {logits, labels}, "net", "2").json_size);
  request.outputs = {};
  CHECK(oip_answer(request, {logits}, "net", "2").json_size);

  request.outputs = {{.name = "nobody", .binary = {}}};
  CHECK_THROWS_WITH_AS(static_cast<void>(oip_answer(request, {logits}, "net", "2")),
                       doctest::Contains("there is no output \"nobody\""), std::invalid_argument);
}

TEST_CASE("oip: what JSON has no form for goes raw or not at all") {
  const oip_tensor broken{"logits", "FP32", {2}, bytes_of<float>({1, std::numeric_limits<float>::infinity()})};
  oip_request request;
  CHECK_THROWS_WITH_AS(static_cast<void>(oip_answer(request, {broken}, "net", "1")),
                       doctest::Contains("not finite, which JSON has no form for"), std::invalid_argument);
  request.binary_outputs = true;
  CHECK(oip_answer(request, {broken}, "net", "1").bytes.ends_with(broken.bytes));
}

TEST_CASE("oip: members come in any order, also data before its datatype") {
  const std::string body = R"({"inputs": [{"data": [1, [2]], "shape": [2, 1], "datatype": "INT16", "name": "x"},
                                         {"name": "y", "datatype": "FP32", "shape": [1], "data": [3]}]})";
  const oip_request request = parse_oip_request(body, {});
  REQUIRE(request.inputs.size() == 2);
  CHECK(request.inputs[0].bytes == bytes_of<std::int16_t>({1, 2}));
  CHECK(request.inputs[1].bytes == bytes_of<float>({3}));
}

TEST_CASE("oip: what stands twice is refused") {
  check_refused(R"({"inputs": [], "inputs": []})", {}, "the JSON has \"inputs\" twice");
  check_refused(json{{"inputs", {four, four}}}, "the request has input \"x\" twice");
  check_refused(json{{"inputs", {four}}, {"outputs", {{{"name", "y"}}, {{"name", "y"}}}}},
                "the request has output \"y\" twice");
}

TEST_CASE("oip: numbers and truths that the datatype has not are refused") {
  check_refused(with_input(but(four, "data", {1, 1e300, 3, 4})), "cannot hold 1e+300");
  const std::string header =
      json{{"inputs",
            {{{"name", "x"}, {"shape", {1}}, {"datatype", "BOOL"}, {"parameters", {{"binary_data_size", 1}}}}}}}
          .dump();
  CHECK(parse_oip_request(header + '\1', header.size()).inputs[0].bytes == "\1");
  check_refused(header + '\2', header.size(), "a byte of BOOL must be 0 or 1");
}

TEST_CASE("oip: JSON that would take more memory than a request needs is refused, in few words") {
  check_refused(std::string(1 << 20, '['), {}, "nested more than 32 deep");
  check_refused(R"({"inputs": [{"data": )" + std::string(1 << 20, '['), {}, "nested more than 32 deep");
  check_refused(R"({"inputs": )" + json(std::vector<json>(20000, json::object())).dump() + "}", {},
                "more than 10000 values");
  const std::string name(1 << 20, 'x');
  try {
    static_cast<void>(parsed(with_input(but(but(four, "name", name), "shape", {5}))));
    FAIL("it was read");
  } catch (const std::invalid_argument& refusal) {
    CHECK(std::string(refusal.what()).size() < 600);
  }
}
