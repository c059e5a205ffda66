#include "oip.hpp"

#include "oip_document.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>
#include <utility>

namespace redoubt::program {
namespace {

static_assert(std::endian::native == std::endian::little, "the protocol's raw tensors are little-endian");

using json = nlohmann::json;

constexpr std::array<std::pair<std::string_view, std::size_t>, 13> datatypes{{{"BOOL", 1},
                                                                              {"UINT8", 1},
                                                                              {"UINT16", 2},
                                                                              {"UINT32", 4},
                                                                              {"UINT64", 8},
                                                                              {"INT8", 1},
                                                                              {"INT16", 2},
                                                                              {"INT32", 4},
                                                                              {"INT64", 8},
                                                                              {"FP16", 2},
                                                                              {"BF16", 2},
                                                                              {"FP32", 4},
                                                                              {"FP64", 8}}};

const json& member(const json& object, const char* name, const std::string& of) {
  if (!object.is_object() || !object.contains(name)) {
    refuse_request(of, " has no \"", name, "\"");
  }
  return object.at(name);
}

std::string text(const json& object, const char* name, const std::string& of) {
  const json& value = member(object, name, of);
  if (!value.is_string()) {
    refuse_request(of, ": \"", name, "\" must be a string, got ", value.dump());
  }
  return value.get<std::string>();
}

json parameters_of(const json& object, const std::string& of) {
  json parameters = object.value("parameters", json::object());
  if (!parameters.is_object()) {
    refuse_request(of, ": \"parameters\" must be an object, got ", parameters.dump());
  }
  return parameters;
}

std::optional<bool> flag(const json& parameters, const char* name, const std::string& of) {
  if (!parameters.contains(name)) {
    return {};
  }
  if (!parameters.at(name).is_boolean()) {
    refuse_request(of, ": \"", name, "\" must be true or false, got ", parameters.at(name).dump());
  }
  return parameters.at(name).get<bool>();
}

std::vector<std::int64_t> shape_of(const json& tensor, const std::string& of) {
  const json& shape = member(tensor, "shape", of);
  if (!shape.is_array()) {
    refuse_request(of, ": \"shape\" must be an array, got ", shape.dump());
  }
  std::vector<std::int64_t> sizes;
  for (const json& size : shape) {
    if (!size.is_number_integer() || size < 0 || size > std::numeric_limits<std::int32_t>::max()) {
      refuse_request(of, ": a size in \"shape\" must be a whole number from 0 to 2147483647, got ", size.dump());
    }
    sizes.push_back(size.get<std::int64_t>());
  }
  return sizes;
}

// How many elements a shape has, less than what memory could hold.
std::size_t elements_of(const std::vector<std::int64_t>& shape, const std::string& of) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) {
    if (size != 0 && count > (std::size_t{1} << 40) / static_cast<std::size_t>(size)) {
      refuse_request(of, ": \"shape\" has more elements than any body could hold");
    }
    count *= static_cast<std::size_t>(size);
  }
  return count;
}

std::string bytes_of_json(const json& tensor, const oip_tensor& made, oip_numbers* numbers, std::size_t elements,
                          const std::string& of) {
  if (!member(tensor, "data", of).is_array() || numbers == nullptr) {
    refuse_request(of, ": \"data\" must be an array");
  }
  if (!with_oip_type(made.datatype, [](auto) {})) {
    refuse_request(of, ": ", made.datatype, " has no form in JSON; send it as binary data");
  }
  if (numbers->depth > std::max<std::size_t>(1, made.shape.size())) {
    refuse_request(of, ": \"data\" is nested deeper than \"shape\"");
  }
  if (numbers->count != elements) {
    refuse_request(of, ": \"data\" has ", numbers->count, " numbers, \"shape\" asks for ", elements);
  }
  return std::move(numbers->bytes);
}

// A raw tensor: the next bytes of `raw`.
std::string bytes_of_raw(const json& size, std::string_view& raw, std::size_t expected, const std::string& of) {
  if (!size.is_number_unsigned() || size.get<std::size_t>() != expected) {
    refuse_request(of, ": \"binary_data_size\" is ", size.dump(), ", shape and datatype ask for ", expected, " bytes");
  }
  if (raw.size() < expected) {
    refuse_request(of, ": ", expected, " bytes of binary data are announced, ", raw.size(), " are left in the body");
  }
  std::string bytes{raw.substr(0, expected)};
  raw.remove_prefix(expected);
  return bytes;
}

bool holds_bools(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0 || byte == 1; });
}

oip_tensor input_of(const json& tensor, oip_numbers* numbers, std::string_view& raw) {
  oip_tensor made;
  made.name = text(tensor, "name", "an input");
  const std::string of = "input \"" + made.name + "\"";
  made.datatype = text(tensor, "datatype", of);
  const std::size_t size = oip_element_size(made.datatype);
  if (size == 0) {
    refuse_request(of, ": datatype ", made.datatype, " is not served here; send FP32");
  }
  made.shape = shape_of(tensor, of);
  const std::size_t elements = elements_of(made.shape, of);
  const json parameters = parameters_of(tensor, of);
  if (parameters.contains("binary_data_size")) {
    if (tensor.contains("data")) {
      refuse_request(of, ": has \"data\" and binary data, too");
    }
    made.bytes = bytes_of_raw(parameters.at("binary_data_size"), raw, elements * size, of);
    if (made.datatype == "BOOL" && !holds_bools(made.bytes)) {
      refuse_request(of, ": a byte of BOOL must be 0 or 1");
    }
  } else {
    made.bytes = bytes_of_json(tensor, made, numbers, elements, of);
  }
  return made;
}

oip_wanted wanted_of(const json& output) {
  oip_wanted wanted{.name = text(output, "name", "an output"), .binary = {}};
  const std::string of = "output \"" + wanted.name + "\"";
  const json parameters = parameters_of(output, of);
  if (parameters.value("classification", json(0)) != 0) {
    refuse_request(of, ": classification is not offered; ask for the logits");
  }
  wanted.binary = flag(parameters, "binary_data", of);
  return wanted;
}

template <class Named>
void require_distinct(const std::vector<Named>& all, const char* what) {
  std::set<std::string_view> seen;
  for (const Named& each : all) {
    if (!seen.insert(each.name).second) {
      refuse_request("the request has ", what, " \"", each.name, "\" twice");
    }
  }
}

json data_of(const oip_tensor& tensor) {
  json data = json::array();
  const bool known = with_oip_type(tensor.datatype, [&](auto zero) {
    using type = decltype(zero);
    for (std::size_t at = 0; at < tensor.bytes.size(); at += sizeof(type)) {
      type number;
      std::memcpy(&number, tensor.bytes.data() + at, sizeof number);
      if constexpr (std::is_floating_point_v<type>) {
        if (!std::isfinite(number)) {
          refuse_request("output \"", tensor.name,
                         "\" holds a number that is not finite, which JSON has no form for; ask for binary data");
        }
      }
      data.push_back(number);
    }
  });
  if (!known) {
    refuse_request("output \"", tensor.name, "\": ", tensor.datatype, " has no form in JSON; ask for binary data");
  }
  return data;
}

}  // namespace

std::size_t oip_element_size(std::string_view datatype) {
  const auto* const found =
      std::find_if(datatypes.begin(), datatypes.end(), [&](const auto& each) { return each.first == datatype; });
  return found == datatypes.end() ? 0 : found->second;
}

oip_request parse_oip_request(std::string_view body, std::optional<std::size_t> json_size) {
  const std::size_t size = json_size.value_or(body.size());
  if (size > body.size()) {
    refuse_request("Inference-Header-Content-Length is ", size, ", the body has ", body.size(), " bytes");
  }
  oip_document document = read_oip_document(body.substr(0, size));
  const json& parsed = document.json;
  std::string_view raw = body.substr(size);
  const json parameters = parameters_of(parsed, "the request");
  oip_request request;
  if (parsed.contains("id")) {
    request.id = text(parsed, "id", "the request");
  }
  request.binary_outputs = flag(parameters, "binary_data_output", "the request").value_or(false);
  const json& inputs = member(parsed, "inputs", "the request");
  if (!inputs.is_array() || inputs.empty()) {
    refuse_request("\"inputs\" must be an array of at least one tensor");
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    oip_numbers* const numbers = i < document.numbers.size() ? &document.numbers[i] : nullptr;
    request.inputs.push_back(input_of(inputs[i], numbers, raw));
  }
  if (!raw.empty()) {
    refuse_request("the body has ", raw.size(), " bytes more than its tensors");
  }
  const json outputs = parsed.value("outputs", json::array());
  if (!outputs.is_array()) {
    refuse_request("\"outputs\" must be an array, got ", outputs.dump());
  }
  for (const json& output : outputs) {
    request.outputs.push_back(wanted_of(output));
  }
  require_distinct(request.inputs, "input");
  require_distinct(request.outputs, "output");
  return request;
}

oip_body oip_answer(const oip_request& request, const std::vector<oip_tensor>& outputs, const std::string& model,
                    const std::string& version) {
  std::vector<oip_wanted> wanted = request.outputs;
  if (wanted.empty()) {
    for (const oip_tensor& output : outputs) {
      wanted.push_back({.name = output.name, .binary = {}});
    }
  }
  json answer = {{"model_name", model}, {"model_version", version}, {"outputs", json::array()}};
  if (request.id) {
    answer["id"] = *request.id;
  }
  std::string raw;
  bool any_binary = false;
  for (const oip_wanted& each : wanted) {
    const auto found = std::find_if(outputs.begin(), outputs.end(),
                                    [&](const oip_tensor& output) { return output.name == each.name; });
    if (found == outputs.end()) {
      refuse_request("there is no output \"", each.name, "\"");
    }
    json output = {{"name", found->name}, {"datatype", found->datatype}, {"shape", found->shape}};
    if (each.binary.value_or(request.binary_outputs)) {
      any_binary = true;
      output["parameters"] = {{"binary_data_size", found->bytes.size()}};
      raw += found->bytes;
    } else {
      output["data"] = data_of(*found);
    }
    answer["outputs"].push_back(std::move(output));
  }
  oip_body body{.bytes = answer.dump(), .json_size = {}};
  if (any_binary) {
    body.json_size = body.bytes.size();
    body.bytes += raw;
  }
  return body;
}

}  // namespace redoubt::program
