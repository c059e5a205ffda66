#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/rows.hpp>

namespace redoubt {

/// Any loss as a value: what an attack's options hold.
///
/// Made from `cross_entropy`, `margin`, `dlr` or a callable (logits [N, C], y [N]) -> [N]; a lambda will do. A loss
/// that keeps something per sample offers `at(rows)`, and follows its samples when others are dropped.
using loss_function = row_function<at::Tensor(const at::Tensor& logits, const at::Tensor& y)>;

}  // namespace redoubt
