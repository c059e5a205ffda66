#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// Where a restart begins, as a value: (x [N, ...], rows int64 [N], where) -> perturbation like x.
///
/// The attack moves what it gives into ball and box. Draws keyed by `rows` and `where` keep a sample's outcome
/// independent of its batch; a start that keeps something per sample offers `at(rows)`.
using start_function = row_function<at::Tensor(const at::Tensor& x, const at::Tensor& rows, const draw& where)>;

}  // namespace redoubt
