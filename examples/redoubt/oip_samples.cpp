#include "oip_samples.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <redoubt/core/error.hpp>

namespace redoubt::program {
namespace {

at::ScalarType type_of(const oip_tensor& tensor) {
  if (tensor.datatype == "FP32") {
    return at::kFloat;
  }
  if (tensor.datatype == "FP64") {
    return at::kDouble;
  }
  if (tensor.datatype == "FP16") {
    return at::kHalf;
  }
  if (tensor.datatype == "BF16") {
    return at::kBFloat16;
  }
  require(tensor.datatype == "UINT8", "input \"", tensor.name,
          "\" must be FP32 (FP64, FP16, BF16, or UINT8 for pixels), ", "got ", tensor.datatype);
  return at::kByte;
}

bool has_shape(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& sample) {
  return shape.size() == sample.size() + 1 && shape.front() >= 1 &&
         std::equal(sample.begin(), sample.end(), shape.begin() + 1);
}

}  // namespace

at::Tensor samples_of(const oip_request& request, const std::vector<std::int64_t>& sample) {
  require(request.inputs.size() == 1, "the model takes one input, \"", oip_input_name, "\", got ",
          request.inputs.size());
  const oip_tensor& given = request.inputs.front();
  require(given.name == oip_input_name, "there is no input \"", given.name, "\"; the model's is \"", oip_input_name,
          "\"");
  std::vector<std::int64_t> wanted{-1};
  wanted.insert(wanted.end(), sample.begin(), sample.end());
  require(has_shape(given.shape, sample), "input \"", given.name, "\" must have shape ", at::IntArrayRef{wanted},
          ", at least one sample; got ", at::IntArrayRef{given.shape});
  const at::ScalarType type = type_of(given);
  // A copy: the request's bytes go, and need not be aligned.
  at::Tensor x = at::from_blob(const_cast<char*>(given.bytes.data()), given.shape, at::TensorOptions().dtype(type))
                     .to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  return type == at::kByte ? x.div_(255) : x;
}

}  // namespace redoubt::program
