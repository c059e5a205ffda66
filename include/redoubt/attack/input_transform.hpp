#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// What an attack does to a point before the model sees it: (point [N, ...], rows int64 [N], where) -> model input.
///
/// Differentiable in `point`; the gradient goes through it. Whether the model is fooled is judged without it. Draws
/// keyed by `rows` and `where` keep a sample's outcome independent of its batch.
using input_transform = row_function<at::Tensor(const at::Tensor& point, const at::Tensor& rows, const draw& where)>;

}  // namespace redoubt
