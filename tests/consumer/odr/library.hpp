#pragma once

#include <ATen/core/Tensor.h>

/// Logits of a classifier that both libraries attack, so that both instantiate the same templates.
at::Tensor logits(const at::Tensor& x);

namespace first {
at::Tensor attack(const at::Tensor& x, const at::Tensor& y, double radius);
}  // namespace first

namespace second {
at::Tensor attack(const at::Tensor& x, const at::Tensor& y, double radius);
}  // namespace second
