#pragma once

#include "oip.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace redoubt::program {

inline constexpr const char* oip_input_name = "images";  ///< what a request calls the model's one input

/// The samples in a request, float32 [N, sample...]: FP64, FP16 and BF16 are converted, UINT8 are pixels, divided by
/// 255.
///
/// Throws std::invalid_argument, naming the value, for another input than "images", another shape, no sample, or a
/// datatype that is none of these.
[[nodiscard]] at::Tensor samples_of(const oip_request& request, const std::vector<std::int64_t>& sample);

}  // namespace redoubt::program
