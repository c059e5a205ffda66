#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/attack/detail/square_budget.hpp>
#include <redoubt/norm/l1.hpp>

namespace redoubt::detail {

/// The square attack's proposals over l1: see `square_budget`.
///
/// Windows take three times their share, and the projection onto ball and box makes the result sparse, which is what
/// l1 rewards. AutoAttack takes as many times as there are channels (its paper's are three), so that on grey images
/// nothing is projected: with 1 instead of 3 the hardened golden model keeps twice the accuracy (200 images, radius 12,
/// 2,000 queries: 0.34 against 0.15; 2 leaves 0.17, 6 0.14 and 10 0.17).
/// Source: Croce & Hein 2021 (arXiv:2103.01208), appendix.
[[nodiscard]] inline square_budget<absolute_sum> square_moves(const l1& ball, const at::Tensor& images,
                                                              const at::Tensor& lower, const at::Tensor& upper) {
  return {ball.radius.broadcast_over(images).flatten(), lower, upper, 3};
}

}  // namespace redoubt::detail
