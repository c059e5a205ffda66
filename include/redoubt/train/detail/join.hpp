#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/train/training_share.hpp>
#include <vector>

namespace redoubt::detail {

/// Makes one of what the ranks' shares of a step did to the model's buffers, and adds up `sums` over the ranks.
///
/// `before` are the buffers before the step, `weight` is this rank's share of the batch, in [0, 1]. A floating-point
/// buffer moves by the mean of the ranks' moves, weighed by their shares: BatchNorm's running mean is then what the
/// whole batch would have made of it. Any other, as a count of batches, is rank 0's, whose share is never empty. What
/// nobody moved stays as it is, to the last bit. In double precision, in one message.
inline std::vector<double> join(const training_share& share, double weight, const std::vector<at::Tensor>& before,
                                const std::vector<at::Tensor>& buffers, std::vector<double> sums) {
  const at::NoGradGuard no_gradient;
  const at::Tensor numbers = at::empty({static_cast<std::int64_t>(sums.size())}, at::kDouble);
  std::copy(sums.begin(), sums.end(), numbers.mutable_data_ptr<double>());
  std::vector<at::Tensor> all{numbers};
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const at::Tensor move = buffers[i].to(at::kDouble).sub(before[i].to(at::kDouble)).reshape({-1});
    const double part = buffers[i].is_floating_point() ? weight : (share.rank == 0 ? 1 : 0);
    all.push_back(move.mul(part).to(at::kCPU));
  }
  const at::Tensor joined = at::cat(all);
  share.sum({joined});
  std::copy_n(detail::elements_of<double>(joined), sums.size(), sums.begin());
  std::int64_t first = numbers.numel();
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const std::int64_t count = buffers[i].numel();
    const at::Tensor move = joined.narrow(0, first, count).view(before[i].sizes()).to(before[i].device());
    buffers[i].copy_(before[i].to(at::kDouble).add(move));
    first += count;
  }
  return sums;
}

}  // namespace redoubt::detail
