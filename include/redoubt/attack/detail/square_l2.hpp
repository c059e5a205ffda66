#pragma once

#include <ATen/core/Tensor.h>

#include <cstdlib>
#include <redoubt/attack/detail/square_budget.hpp>
#include <redoubt/norm/l2.hpp>

namespace redoubt::detail {

/// The square attack's proposals over l2: see `square_budget`, whose windows never leave the ball.
[[nodiscard]] inline square_budget<square_sum> square_moves(const l2& ball, const at::Tensor& images,
                                                            const at::Tensor& lower, const at::Tensor& upper) {
  return {ball.radius.broadcast_over(images).flatten(), lower, upper,
          std::getenv("GAIN") ? atof(std::getenv("GAIN")) : 1.5};
}

}  // namespace redoubt::detail
