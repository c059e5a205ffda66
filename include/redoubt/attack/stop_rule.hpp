#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// Which samples an attack need not climb with any longer, as a value: step_view -> bool [N].
///
/// Asked after each gradient. Samples that are done leave the batch once they are a quarter of it; their best point so
/// far stands.
using stop_rule = row_function<at::Tensor(const step_view& now)>;

}  // namespace redoubt
