#include "oip_document.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace redoubt::program {
namespace {

using nlohmann::json;

constexpr std::size_t longest_message = 500;
constexpr std::size_t deepest = 32;
constexpr std::size_t most_values = 10000;

template <class T>
bool holds(const json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.is_boolean();
  } else if constexpr (std::is_floating_point_v<T>) {
    return value.is_number() && std::abs(value.get<double>()) <= static_cast<double>(std::numeric_limits<T>::max());
  } else if (value.is_number_unsigned()) {
    return std::in_range<T>(value.get<std::uint64_t>());
  } else {
    return value.is_number_integer() && std::in_range<T>(value.get<std::int64_t>());
  }
}

template <class T>
void append_number(std::string& bytes, const json& value, const std::string& of) {
  if (!holds<T>(value)) {
    refuse_request(of, ": its datatype cannot hold ", value.dump());
  }
  const T number = value.get<T>();
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Takes the parser's calls: nlohmann's SAX interface, each of whose functions returns false to end it.
class reader {
 public:
  // Where the inputs' datatypes are not given, each is what stands before its data.
  explicit reader(std::vector<std::string> datatypes) : datatypes_{std::move(datatypes)} {}

  [[nodiscard]] oip_document& document() { return document_; }
  [[nodiscard]] bool missed_a_datatype() const { return missed_; }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) { return add(value); }
  bool number_float(double value, const std::string& /*text*/) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool start_object(std::size_t /*size*/) { return add(json::object()); }
  bool start_array(std::size_t /*size*/) {
    if (depth_in_data_ > 0) {
      return nest();
    }
    return at_data() ? start_data() : add(json::array());
  }
  bool key(std::string& name) {
    if (open_.back()->contains(name)) {
      refuse_request("the JSON has \"", name, "\" twice in one object");
    }
    key_ = std::move(name);
    if (open_.size() == 1) {
      outermost_key_ = key_;
    }
    return true;
  }
  bool end_object() {
    open_.pop_back();
    return true;
  }
  bool end_array() {
    if (depth_in_data_ > 0) {
      --depth_in_data_;
    } else {
      open_.pop_back();
    }
    return true;
  }
  static bool binary(const json::binary_t& /*value*/) { return false; }  // there is none in JSON
  static bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const json::exception& /*error*/) {
    return false;
  }

 private:
  // That what comes is X in {"inputs": [{"data": X}]}.
  [[nodiscard]] bool at_data() const {
    return open_.size() == 3 && outermost_key_ == "inputs" && open_[1]->is_array() && open_[2]->is_object() &&
           key_ == "data";
  }

  bool start_data() {
    json& tensor = *open_.back();
    tensor["data"] = json::array();
    of_ = tensor.contains("name") ? "input " + tensor["name"].dump() : "an input";
    const std::size_t input = open_[1]->size() - 1;
    document_.numbers.resize(input + 1);
    const json datatype = input < datatypes_.size() ? json(datatypes_[input]) : tensor.value("datatype", json{});
    missed_ = missed_ || datatype.is_null();
    append_ = nullptr;
    if (datatype.is_string()) {
      with_oip_type(datatype.get_ref<const std::string&>(),
                    [this](auto zero) { append_ = &append_number<decltype(zero)>; });
    }
    return nest();
  }

  bool nest() {
    oip_numbers& numbers = document_.numbers.back();
    numbers.depth = std::max(numbers.depth, ++depth_in_data_);
    return check_depth();
  }

  bool add(json value) {
    if (depth_in_data_ > 0) {
      return add_number(value);
    }
    if (++values_ > most_values) {
      refuse_request("the JSON has more than ", most_values, " values besides its tensors' data");
    }
    const bool opens = value.is_structured();
    json& added = place();
    added = std::move(value);
    if (opens) {
      open_.push_back(&added);
    }
    return check_depth();
  }

  bool add_number(const json& value) {
    if (value.is_object()) {
      refuse_request(of_, ": \"data\" has an object in it");
    }
    oip_numbers& numbers = document_.numbers.back();
    ++numbers.count;
    if (append_ != nullptr) {
      append_(numbers.bytes, value, of_);
    }
    return true;
  }

  json& place() {
    if (open_.empty()) {
      return document_.json;
    }
    json& parent = *open_.back();
    if (parent.is_object()) {
      return parent[key_];
    }
    parent.push_back(nullptr);
    return parent.back();
  }

  [[nodiscard]] bool check_depth() const {
    if (open_.size() + depth_in_data_ > deepest) {
      refuse_request("the JSON is nested more than ", deepest, " deep");
    }
    return true;
  }

  std::vector<std::string> datatypes_;
  oip_document document_;
  std::vector<json*> open_;  // the objects and arrays around what comes, the outermost first
  std::string key_;
  std::string outermost_key_;
  std::size_t values_ = 0;
  std::size_t depth_in_data_ = 0;  // 0: not in it
  void (*append_)(std::string&, const json&, const std::string&) = nullptr;
  std::string of_;
  bool missed_ = false;
};

void read(std::string_view text, reader& into) {
  if (!json::sax_parse(text, &into) || !into.document().json.is_object()) {
    refuse_request("the body is no JSON object");
  }
}

}  // namespace

std::string shortened(std::string message) {
  if (message.size() > longest_message) {
    std::size_t end = longest_message;
    while ((static_cast<unsigned char>(message[end]) & 0xC0U) == 0x80U && end > 0) {  // within a character
      --end;
    }
    message.resize(end);
    message += "...";
  }
  return message;
}

void refuse_request(std::string message) {
  throw std::invalid_argument(shortened(std::move(message)));
}

oip_document read_oip_document(std::string_view text) {
  reader first{std::vector<std::string>{}};
  read(text, first);
  if (!first.missed_a_datatype()) {
    return std::move(first.document());
  }
  std::vector<std::string> datatypes;
  for (const json& input : first.document().json.at("inputs")) {
    const json datatype = input.is_object() ? input.value("datatype", json{}) : json{};
    datatypes.push_back(datatype.is_string() ? datatype.get<std::string>() : "");
  }
  reader second{std::move(datatypes)};
  read(text, second);
  return std::move(second.document());
}

}  // namespace redoubt::program
