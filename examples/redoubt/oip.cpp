#include "oip.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace redoubt::program {
namespace {

static_assert(std::endian::native == std::endian::little, "the protocol's raw tensors are little-endian");

using json = nlohmann::json;

template <class... Pieces>
[[noreturn]] void refuse(const Pieces&... pieces) {
  std::ostringstream message;
  (message << ... << pieces);
  throw std::invalid_argument(message.str());
}

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

// Calls work(T{}) for the C++ type of a datatype that JSON has a form for; says whether there is one.
template <class Work>
bool with_type(std::string_view datatype, const Work& work) {
  const auto one = [&](std::string_view name, auto value) {
    if (datatype == name) {
      work(value);
    }
    return datatype == name;
  };
  return one("BOOL", false) || one("UINT8", std::uint8_t{}) || one("UINT16", std::uint16_t{}) ||
         one("UINT32", std::uint32_t{}) || one("UINT64", std::uint64_t{}) || one("INT8", std::int8_t{}) ||
         one("INT16", std::int16_t{}) || one("INT32", std::int32_t{}) || one("INT64", std::int64_t{}) ||
         one("FP32", float{}) || one("FP64", double{});
}

const json& member(const json& object, const char* name, const std::string& of) {
  if (!object.is_object() || !object.contains(name)) {
    refuse(of, " has no \"", name, "\"");
  }
  return object.at(name);
}

std::string text(const json& object, const char* name, const std::string& of) {
  const json& value = member(object, name, of);
  if (!value.is_string()) {
    refuse(of, ": \"", name, "\" must be a string, got ", value.dump());
  }
  return value.get<std::string>();
}

json parameters_of(const json& object, const std::string& of) {
  json parameters = object.value("parameters", json::object());
  if (!parameters.is_object()) {
    refuse(of, ": \"parameters\" must be an object, got ", parameters.dump());
  }
  return parameters;
}

std::optional<bool> flag(const json& parameters, const char* name, const std::string& of) {
  if (!parameters.contains(name)) {
    return {};
  }
  if (!parameters.at(name).is_boolean()) {
    refuse(of, ": \"", name, "\" must be true or false, got ", parameters.at(name).dump());
  }
  return parameters.at(name).get<bool>();
}

std::vector<std::int64_t> shape_of(const json& tensor, const std::string& of) {
  const json& shape = member(tensor, "shape", of);
  if (!shape.is_array()) {
    refuse(of, ": \"shape\" must be an array, got ", shape.dump());
  }
  std::vector<std::int64_t> sizes;
  for (const json& size : shape) {
    if (!size.is_number_integer() || size < 0 || size > std::numeric_limits<std::int32_t>::max()) {
      refuse(of, ": a size in \"shape\" must be a whole number from 0 to 2147483647, got ", size.dump());
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
      refuse(of, ": \"shape\" has more elements than any body could hold");
    }
    count *= static_cast<std::size_t>(size);
  }
  return count;
}

template <class T>
T number_in(const json& value, const std::string& of) {
  bool fits = false;
  if constexpr (std::is_same_v<T, bool>) {
    fits = value.is_boolean();
  } else if constexpr (std::is_floating_point_v<T>) {
    fits = value.is_number();
  } else if (value.is_number_unsigned()) {
    fits = std::in_range<T>(value.get<std::uint64_t>());
  } else if (value.is_number_integer()) {
    fits = std::in_range<T>(value.get<std::int64_t>());
  }
  if (!fits) {
    refuse(of, ": its datatype cannot hold ", value.dump());
  }
  return value.get<T>();
}

// The numbers of `data`, nested or flat.
template <class T>
void gather(const json& data, std::size_t deepest, std::string& bytes, const std::string& of) {
  if (!data.is_array()) {
    const T number = number_in<T>(data, of);
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
    return;
  }
  if (deepest == 0) {
    refuse(of, ": \"data\" is nested deeper than \"shape\"");
  }
  for (const json& part : data) {
    gather<T>(part, deepest - 1, bytes, of);
  }
}

std::string bytes_of_json(const json& tensor, const oip_tensor& made, std::size_t elements, const std::string& of) {
  const json& data = member(tensor, "data", of);
  if (!data.is_array()) {
    refuse(of, ": \"data\" must be an array");
  }
  std::string bytes;
  std::size_t size = 1;
  const bool known = with_type(made.datatype, [&](auto zero) {
    size = sizeof zero;
    gather<decltype(zero)>(data, std::max<std::size_t>(1, made.shape.size()), bytes, of);
  });
  if (!known) {
    refuse(of, ": ", made.datatype, " has no form in JSON; send it as binary data");
  }
  const std::size_t given = bytes.size() / size;
  if (given != elements) {
    refuse(of, ": \"data\" has ", given, " numbers, \"shape\" asks for ", elements);
  }
  return bytes;
}

// A raw tensor: the next bytes of `raw`.
std::string bytes_of_raw(const json& size, std::string_view& raw, std::size_t expected, const std::string& of) {
  if (!size.is_number_unsigned() || size.get<std::size_t>() != expected) {
    refuse(of, ": \"binary_data_size\" is ", size.dump(), ", shape and datatype ask for ", expected, " bytes");
  }
  if (raw.size() < expected) {
    refuse(of, ": ", expected, " bytes of binary data are announced, ", raw.size(), " are left in the body");
  }
  std::string bytes{raw.substr(0, expected)};
  raw.remove_prefix(expected);
  return bytes;
}

oip_tensor input_of(const json& tensor, std::string_view& raw) {
  oip_tensor made;
  made.name = text(tensor, "name", "an input");
  const std::string of = "input \"" + made.name + "\"";
  made.datatype = text(tensor, "datatype", of);
  const std::size_t size = oip_element_size(made.datatype);
  if (size == 0) {
    refuse(of, ": datatype ", made.datatype, " is not served here; send FP32");
  }
  made.shape = shape_of(tensor, of);
  const std::size_t elements = elements_of(made.shape, of);
  const json parameters = parameters_of(tensor, of);
  if (parameters.contains("binary_data_size")) {
    if (tensor.contains("data")) {
      refuse(of, ": has \"data\" and binary data, too");
    }
    made.bytes = bytes_of_raw(parameters.at("binary_data_size"), raw, elements * size, of);
  } else {
    made.bytes = bytes_of_json(tensor, made, elements, of);
  }
  return made;
}

oip_wanted wanted_of(const json& output) {
  oip_wanted wanted{.name = text(output, "name", "an output"), .binary = {}};
  const std::string of = "output \"" + wanted.name + "\"";
  const json parameters = parameters_of(output, of);
  if (parameters.value("classification", json(0)) != 0) {
    refuse(of, ": classification is not offered; ask for the logits");
  }
  wanted.binary = flag(parameters, "binary_data", of);
  return wanted;
}

json data_of(const oip_tensor& tensor) {
  json data = json::array();
  const bool known = with_type(tensor.datatype, [&](auto zero) {
    using type = decltype(zero);
    for (std::size_t at = 0; at < tensor.bytes.size(); at += sizeof(type)) {
      type number;
      std::memcpy(&number, tensor.bytes.data() + at, sizeof number);
      if constexpr (std::is_floating_point_v<type>) {
        if (!std::isfinite(number)) {
          refuse("output \"", tensor.name,
                 "\" holds a number that is not finite, which JSON has no form for; ask for "
                 "binary data");
        }
      }
      data.push_back(number);
    }
  });
  if (!known) {
    refuse("output \"", tensor.name, "\": ", tensor.datatype, " has no form in JSON; ask for binary data");
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
    refuse("Inference-Header-Content-Length is ", size, ", the body has ", body.size(), " bytes");
  }
  const json parsed = json::parse(body.substr(0, size), nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    refuse("the body is no JSON object");
  }
  std::string_view raw = body.substr(size);
  const json parameters = parameters_of(parsed, "the request");
  oip_request request;
  if (parsed.contains("id")) {
    request.id = text(parsed, "id", "the request");
  }
  request.binary_outputs = flag(parameters, "binary_data_output", "the request").value_or(false);
  const json& inputs = member(parsed, "inputs", "the request");
  if (!inputs.is_array() || inputs.empty()) {
    refuse("\"inputs\" must be an array of at least one tensor");
  }
  for (const json& input : inputs) {
    request.inputs.push_back(input_of(input, raw));
  }
  if (!raw.empty()) {
    refuse("the body has ", raw.size(), " bytes more than its tensors");
  }
  const json outputs = parsed.value("outputs", json::array());
  if (!outputs.is_array()) {
    refuse("\"outputs\" must be an array, got ", outputs.dump());
  }
  for (const json& output : outputs) {
    request.outputs.push_back(wanted_of(output));
  }
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
      refuse("there is no output \"", each.name, "\"");
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
