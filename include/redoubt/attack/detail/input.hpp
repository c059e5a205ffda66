#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/box.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt::detail {

/// What every attack is given, checked once: inputs, labels, and which sample each row is.
struct attack_input {
  at::Tensor x;     ///< [N, ...], float32, or float64 where the caller's was; the caller's values, not his type
  at::Tensor y;     ///< int64 [N] on x's device
  at::Tensor rows;  ///< int64 [N] on x's device

  [[nodiscard]] attack_input at(const at::Tensor& samples) const {
    return {tensor_at(x, samples), tensor_at(y, samples), tensor_at(rows, samples)};
  }
};

/// Throws std::invalid_argument unless y is one int64 label for each of `samples`.
inline void require_label_each(const char* who, const at::Tensor& y, std::int64_t samples) {
  require(y.defined() && y.scalar_type() == at::kLong && y.dim() == 1 && y.size(0) == samples, who,
          ": need one int64 label per sample [", samples, "], got shape ", y.sizes(), " of type ", y.dtype().name());
}

/// Throws std::invalid_argument unless `rows` is undefined, or one int64 for each of `samples`.
inline void require_row_each(const char* who, const at::Tensor& rows, std::int64_t samples) {
  require(!rows.defined() || (rows.scalar_type() == at::kLong && rows.dim() == 1 && rows.size(0) == samples), who,
          ": rows must be one int64 per sample [", samples, "], got shape ", rows.sizes());
}

/// Throws std::invalid_argument, naming `who` and the value, for inputs that no attack can take.
[[nodiscard]] inline attack_input checked_input(const char* who, const at::Tensor& x, const at::Tensor& y,
                                                const at::Tensor& rows, const box& bounds) {
  require(x.defined() && x.dim() >= 2, who, ": the input must be a batch [N, ...], got shape ", x.sizes());
  require(x.is_floating_point(), who, ": the input must be floating point, got ", x.dtype().name(),
          "; divide images of bytes by 255");
  const std::int64_t samples = x.size(0);
  require_label_each(who, y, samples);
  require(y.device() == x.device(), who, ": labels are on ", y.device(), ", inputs on ", x.device());
  require_row_each(who, rows, samples);
  bounds.require_inside(who, x);
  // float32 whatever the model's precision: half types cannot hold a step of 1/255 near 1.
  const at::ScalarType state = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  // Labels made in inference mode cannot be saved for a gradient; a copy made outside it can.
  const at::Tensor labels = y.is_inference() ? y.clone() : y;
  return {x.detach().to(state), labels, rows.defined() ? rows.to(x.device()) : row_numbers(samples, y)};
}

/// Throws std::invalid_argument for labels outside [0, classes).
inline void require_labels(const char* who, const at::Tensor& y, std::int64_t classes) {
  if (y.numel() == 0) {
    return;
  }
  const auto [smallest, largest] = y.aminmax();
  const auto low = smallest.item<std::int64_t>();
  const auto high = largest.item<std::int64_t>();
  require(low >= 0 && high < classes, who, ": labels must lie in [0, ", classes, "), as the model has ", classes,
          " classes; got ", low < 0 ? low : high);
}

}  // namespace redoubt::detail
