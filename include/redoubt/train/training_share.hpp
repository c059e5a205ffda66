#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

namespace redoubt {

/// What one of many processes does of a training that they do together, and how what all have found becomes one.
///
/// Each takes its share of every batch, so that together they learn from the batches of one process alone, sample by
/// sample. The default is that one process. `redoubt::distributed` makes the others (`share_of`).
struct training_share {
  std::int64_t rank = 0;   ///< which of the processes this is, 0..world-1
  std::int64_t world = 1;  ///< how many there are
  /// Makes each parameter's gradient its sum over all ranks. A rank may have none: it had no sample of this batch.
  std::function<void(const std::vector<at::Tensor>& parameters)> sum_gradients = {};
  /// Makes each tensor, in place, its sum over all ranks, to the last bit the same on each.
  std::function<void(const std::vector<at::Tensor>& numbers)> sum = {};

  /// `count` of something, from `first` on.
  struct part {
    std::int64_t first = 0;  ///< index, from 0
    std::int64_t count = 0;  ///< may be 0
  };

  /// Which of `count` samples are this rank's: as many for each, and one more for the first ranks where some are left.
  [[nodiscard]] part of(std::int64_t count) const {
    const std::int64_t left = count % world;
    return {rank * (count / world) + std::min(rank, left), count / world + (rank < left ? 1 : 0)};
  }
};

}  // namespace redoubt
