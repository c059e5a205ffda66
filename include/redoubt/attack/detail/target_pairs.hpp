#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/core/rows.hpp>

namespace redoubt::detail {

/// Samples beside the classes that they are driven to: attacks that try one class after the other try several together
/// while few samples are left, as small batches cost nearly what large ones do.
///
/// Pairs are ordered by class, the likeliest first. A pair draws as a sample of its own, so that which classes are
/// tried together changes no outcome.
struct target_pairs {
  at::Tensor sample;          ///< int64 [P]: which sample a pair is of
  at::Tensor target;          ///< int64 [P]: its class
  at::Tensor turn;            ///< int64 [P]: which of the sample's classes that is
  std::int64_t samples = 0;   ///< of which there are pairs
  std::int64_t together = 0;  ///< classes for each of them: P = samples x together

  static constexpr std::int64_t most_classes = 255;
  static constexpr int row_bits = 40;  ///< of a sample's row number; the class's turn stands above

  /// The samples `left` with as many of their `classes` [N, T] from `first` on as fit into `room` pairs, at least one.
  [[nodiscard]] static target_pairs of(const at::Tensor& left, const at::Tensor& classes, std::int64_t first,
                                       std::int64_t room) {
    const std::int64_t samples = left.size(0);
    const std::int64_t together = std::clamp<std::int64_t>(room / samples, 1, classes.size(1) - first);
    const at::Tensor targets = classes.narrow(1, first, together).index_select(0, left);
    return {left.repeat({together}), targets.t().flatten(),
            row_numbers(together, left).add_(first).repeat_interleave(samples), samples, together};
  }

  /// The pairs' row numbers: a sample's own for its first class, others beside it.
  [[nodiscard]] at::Tensor rows(const at::Tensor& of_samples) const {
    return of_samples.index_select(0, sample).add(turn.bitwise_left_shift(row_bits));
  }

  /// Which of the classes tried together is the first that `fooled` [P] is true of; `together` where none is.
  /// [samples].
  [[nodiscard]] at::Tensor first_fooled(const at::Tensor& fooled) const {
    const at::Tensor order = row_numbers(together, fooled).unsqueeze(1);
    return order.masked_fill(fooled.view({together, samples}).logical_not(), together).amin(0);
  }
};

}  // namespace redoubt::detail
