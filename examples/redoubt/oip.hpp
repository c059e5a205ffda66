#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::program {

/// A tensor of the Open Inference Protocol, version 2: its elements side by side, little-endian, the last index
/// fastest.
struct oip_tensor {
  std::string name;
  std::string datatype;  ///< FP32, INT64, UINT8, ...: see `oip_element_size`
  std::vector<std::int64_t> shape;
  std::string bytes;
};

/// An output that a request names.
struct oip_wanted {
  std::string name;
  std::optional<bool> binary;  ///< what the request says of this one
};

/// A request for an inference.
struct oip_request {
  std::optional<std::string> id;
  std::vector<oip_tensor> inputs;
  std::vector<oip_wanted> outputs;  ///< none: all
  bool binary_outputs = false;      ///< where an output says nothing itself
};

/// A body, and how much of it is JSON where raw tensors follow.
struct oip_body {
  std::string bytes;
  std::optional<std::size_t> json_size;
};

/// Bytes of an element of a datatype; 0 for one that the protocol does not know or whose elements differ in size.
[[nodiscard]] std::size_t oip_element_size(std::string_view datatype);

/// The request in a body, of which the first `json_size` bytes are JSON (header Inference-Header-Content-Length) and
/// raw tensors follow; all is JSON where it is absent.
///
/// Throws std::invalid_argument, naming the tensor and the value, for what is no request: JSON that does not parse,
/// members that are missing or of the wrong type, names that stand twice, sizes that do not add up, numbers that the
/// datatype cannot hold. Takes memory for eight bytes a number at most, and little else, however the body is made.
[[nodiscard]] oip_request parse_oip_request(std::string_view body, std::optional<std::size_t> json_size);

/// The answer to a request: those of `outputs` that it names, in its order, each as JSON or raw as it asks.
///
/// Throws std::invalid_argument for an output that there is not, and for a NaN or infinity where JSON is asked for,
/// which has no form for them.
[[nodiscard]] oip_body oip_answer(const oip_request& request, const std::vector<oip_tensor>& outputs,
                                  const std::string& model, const std::string& version);

}  // namespace redoubt::program
