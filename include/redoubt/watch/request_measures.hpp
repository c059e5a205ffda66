#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <redoubt/core/error.hpp>

namespace redoubt {

/// What `request_measures` measures, in the order of its columns.
inline constexpr std::array<const char*, 3> request_measure_names{"confidence", "brightness", "roughness"};

/// Numbers by which requests can be compared with held-out data without a label: double [N, 3], on the CPU.
///
/// x [N, ...] floating point, logits [N, C]. The largest softmax probability; the mean of the sample; and the mean
/// difference of neighbours along the last dimension, which noise and most perturbations raise (0 where there are
/// none). Without gradients. Throws std::invalid_argument where the two are of other shapes or different lengths.
[[nodiscard]] inline at::Tensor request_measures(const at::Tensor& x, const at::Tensor& logits) {
  require(x.dim() >= 2 && logits.dim() == 2 && x.size(0) == logits.size(0),
          "request_measures: needs x [N, ...] and logits [N, C], got ", x.sizes(), " and ", logits.sizes());
  const at::Tensor values = x.detach();
  at::Tensor measures = values.new_zeros({x.size(0), 3}, at::TensorOptions().dtype(at::kDouble).device(at::kCPU));
  measures.select(1, 0).copy_(logits.detach().softmax(1).amax(1));
  measures.select(1, 1).copy_(values.flatten(1).mean(1));
  const std::int64_t width = x.size(-1);
  if (width > 1) {
    const at::Tensor steps = values.narrow(-1, 1, width - 1).sub(values.narrow(-1, 0, width - 1)).abs();
    measures.select(1, 2).copy_(steps.flatten(1).mean(1));
  }
  return measures;
}

}  // namespace redoubt
