#include "oip.hpp"

#include "demand.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

// A request as the server gets it: the first line is the header Inference-Header-Content-Length (none where it is no
// number), the rest the body.
//
// Whatever the bytes, reading them gives a request or std::invalid_argument with a message of one reasonable size. And
// what was read comes back: the tensors, answered raw and as JSON, and read again, are the same bits.

using namespace redoubt::program;
using nlohmann::json;
using redoubt::testing::demand;

namespace {

struct split_body {
  std::optional<std::size_t> json_size;
  std::string_view body;
};

split_body split(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) {
    return {{}, bytes};
  }
  std::size_t size = 0;
  const auto [stop, error] = std::from_chars(bytes.data(), bytes.data() + end, size);
  const bool number = error == std::errc{} && stop == bytes.data() + end;
  return {number ? std::optional{size} : std::nullopt, bytes.substr(end + 1)};
}

// The outputs of an answer as the inputs of a request.
oip_request asked_back(const oip_body& answer) {
  const std::size_t size = answer.json_size.value_or(answer.bytes.size());
  json header = json::parse(answer.bytes.substr(0, size));
  header["inputs"] = header["outputs"];
  header.erase("outputs");
  const std::string text = header.dump();
  return parse_oip_request(text + answer.bytes.substr(size), text.size());
}

void check_returns(const oip_request& request, bool binary) {
  oip_request all{.id = request.id, .inputs = {}, .outputs = {}, .binary_outputs = binary};
  std::optional<oip_body> answer;
  try {
    answer = oip_answer(all, request.inputs, "model", "1");
  } catch (const std::invalid_argument&) {  // NaN, FP16, BF16 have no form in JSON
    demand(!binary, "tensors were read and cannot be answered raw");
    return;
  }
  const oip_request back = asked_back(*answer);
  demand(back.id == request.id, "the id has changed");
  demand(back.inputs.size() == request.inputs.size(), "tensors are lost");
  for (std::size_t i = 0; i < back.inputs.size(); ++i) {
    const oip_tensor& before = request.inputs[i];
    const oip_tensor& after = back.inputs[i];
    demand(before.name == after.name && before.datatype == after.datatype && before.shape == after.shape &&
               before.bytes == after.bytes,
           "a tensor has changed");
  }
}

// The answer to what the request names, as the server makes it.
void check_answers(const oip_request& request) {
  try {
    static_cast<void>(oip_answer(request, request.inputs, "model", "1"));
  } catch (const std::invalid_argument&) {  // an output that there is not
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const split_body given = split({reinterpret_cast<const char*>(data), size});
  std::optional<oip_request> request;
  try {
    request = parse_oip_request(given.body, given.json_size);
  } catch (const std::invalid_argument& refusal) {
    const std::string said = json{{"error", refusal.what()}}.dump();  // throws for what is no UTF-8
    demand(said.size() < 4000, "a refusal is as long as the request");
    return 0;
  }
  check_returns(*request, true);
  check_returns(*request, false);
  check_answers(*request);
  return 0;
}
