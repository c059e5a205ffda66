#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstddef>
#include <cstdint>
#include <redoubt/core/error.hpp>
#include <redoubt/distributed/process_group.hpp>
#include <vector>

namespace redoubt {

/// The mean of each number over all ranks, each rank's weighed by how many samples it stands for.
///
/// `numbers`, as many on each rank; weight >= 0, and where it is 0 they may be NaN. The same on every rank. Throws
/// std::invalid_argument on every rank where all weights together are not positive. Cost: one sum.
[[nodiscard]] inline std::vector<double> mean_over_ranks(const process_group& group, std::vector<double> numbers,
                                                         double weight = 1) {
  const at::Tensor sums = at::empty({static_cast<std::int64_t>(numbers.size()) + 1}, at::kDouble);
  auto* const values = sums.mutable_data_ptr<double>();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    values[i] = weight == 0 ? 0 : numbers[i] * weight;  // what stands for no samples may be NaN
  }
  values[numbers.size()] = weight;
  group.sum({sums}, "take the mean of what they measured");
  require(values[numbers.size()] > 0, "mean_over_ranks: the weights of all ranks add up to ", values[numbers.size()]);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = values[i] / values[numbers.size()];
  }
  return numbers;
}

}  // namespace redoubt
