#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/distributed/gradients.hpp>
#include <redoubt/distributed/process_group.hpp>
#include <redoubt/train/training_share.hpp>
#include <vector>

namespace redoubt {

/// This process's share of a training by `group`, for `training_options::share`. The group must outlive the trainer.
[[nodiscard]] inline training_share share_of(const process_group& group) {
  return {.rank = group.rank(),
          .world = group.world(),
          .sum_gradients = [&group](const std::vector<at::Tensor>& parameters) { sum_gradients(group, parameters); },
          .sum = [&group](const std::vector<at::Tensor>& numbers) { group.sum(numbers, "add up what they found"); }};
}

}  // namespace redoubt
