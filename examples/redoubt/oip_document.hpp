#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::program {

/// The message, or its first 500 bytes where it is longer: a request may hold megabytes of what is wrong with it.
[[nodiscard]] std::string shortened(std::string message);

/// Throws std::invalid_argument with this message, shortened.
[[noreturn]] void refuse_request(std::string message);

template <class... Pieces>
[[noreturn]] void refuse_request(const Pieces&... pieces) {
  std::ostringstream message;
  (message << ... << pieces);
  refuse_request(message.str());
}

/// Calls work(T{}) for the C++ type of a datatype that JSON has a form for; says whether there is one.
template <class Work>
bool with_oip_type(std::string_view datatype, const Work& work) {
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

/// The numbers of an input's "data", nested or flat.
struct oip_numbers {
  std::string bytes;  ///< as the datatype's; none where JSON has no form for it
  std::size_t count = 0;
  std::size_t depth = 0;  ///< of the arrays that they are in
};

/// The JSON of a request.
struct oip_document {
  nlohmann::json json;               ///< an object; an empty array stands for each input's "data"
  std::vector<oip_numbers> numbers;  ///< by input; may end before the last that has none
};

/// Reads a request's JSON. Numbers of tensors become bytes at once: as a tree they would take thirty times the room of
/// their text. All else is at most 10000 values, nested at most 32 deep.
///
/// Throws std::invalid_argument for what is no JSON object or larger than that, for a name that stands twice in an
/// object, and for a number that its datatype cannot hold.
[[nodiscard]] oip_document read_oip_document(std::string_view text);

}  // namespace redoubt::program
