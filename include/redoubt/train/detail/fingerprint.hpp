#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/core/rows.hpp>
#include <redoubt/train/training_options.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace redoubt::detail {

/// The inputs [N, ...] of each sample added up, weighed by `weights` float64 [N] and summed.
[[nodiscard]] inline double weighed_sum(const at::Tensor& x, const at::Tensor& weights) {
  constexpr std::int64_t part = 4096;  // in double precision, which all data at once may have no room for
  double sum = 0;
  for (std::int64_t first = 0; first < x.size(0); first += part) {
    const std::int64_t count = std::min(part, x.size(0) - first);
    const at::Tensor sums = x.narrow(0, first, count).flatten(1).to(at::kDouble).sum(1);
    sum += sums.dot(weights.narrow(0, first, count)).item<double>();
  }
  return sum;
}

/// What two trainings must have in common for one to go on from the other's checkpoint, in words.
[[nodiscard]] inline std::string training_fingerprint(const labelled_data& data,
                                                      const std::vector<at::Tensor>& parameters,
                                                      const training_options& options) {
  std::int64_t size = 0;
  for (const at::Tensor& parameter : parameters) {
    size += parameter.numel();
  }
  // Weighed by place: the same samples in another order are other data, as rows number them.
  const at::Tensor places = row_numbers(data.y.size(0), data.y).add_(1);
  std::ostringstream text;
  text.precision(9);  // what every machine agrees on
  text << "data " << data.x.sizes() << " sum " << weighed_sum(data.x, places.to(at::kDouble)) << " labels "
       << data.y.mul(places).sum().item<std::int64_t>() << ", parameters " << size << ", epochs " << options.epochs
       << ", batch " << options.batch << ", averaging " << options.averaging << ", seed " << options.seed;
  if (!options.identity.empty()) {
    text << ", " << options.identity;
  }
  return text.str();
}

}  // namespace redoubt::detail
