#pragma once

#include <ATen/core/Tensor.h>

#include <cstdlib>
#include <redoubt/attack/detail/square_budget.hpp>
#include <redoubt/norm/l1.hpp>

namespace redoubt::detail {

/// The square attack's proposals over l1: see `square_budget`.
///
/// Source: Croce & Hein 2021 (arXiv:2103.01208), appendix.
[[nodiscard]] inline square_budget<absolute_sum> square_moves(const l1& ball, const at::Tensor& images,
                                                              const at::Tensor& lower, const at::Tensor& upper) {
  const char* g = std::getenv("GAIN");
  return {ball.radius.broadcast_over(images).flatten(), lower, upper, g ? atof(g) : 3};
}

}  // namespace redoubt::detail
