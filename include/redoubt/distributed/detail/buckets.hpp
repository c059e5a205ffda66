#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <redoubt/core/error.hpp>
#include <string>
#include <utility>
#include <vector>

namespace redoubt::detail {

/// Tensors of one type and device that travel together: which of a list they are.
using bucket = std::vector<std::size_t>;

/// Puts the tensors, in their order, into buckets of at most `bytes`; one that is larger has a bucket to itself.
///
/// One message for many small tensors costs one round trip; several for many large ones let the first be summed while
/// the next are still being copied.
inline std::vector<bucket> buckets_of(const std::vector<at::Tensor>& tensors, std::size_t bytes) {
  struct open_bucket {
    std::size_t place = 0;
    std::size_t bytes = 0;
  };
  std::vector<bucket> buckets;
  std::map<std::pair<at::ScalarType, std::string>, open_bucket> open;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    require(tensors[i].layout() == at::kStrided, "process_group: tensor ", i, " is sparse; only dense ones are summed");
    open_bucket& last = open[{tensors[i].scalar_type(), tensors[i].device().str()}];
    const std::size_t size = tensors[i].nbytes();
    if (last.bytes == 0 || last.bytes + size > bytes) {
      last = {buckets.size(), 0};
      buckets.emplace_back();
    }
    buckets[last.place].push_back(i);
    last.bytes += size + 1;  // so that a bucket of empty tensors counts as open
  }
  return buckets;
}

/// A bucket's tensors end to end, on the CPU; half precision as float, so that sums lose nothing.
///
/// A bucket of one may share its memory.
inline at::Tensor flattened(const std::vector<at::Tensor>& tensors, const bucket& members) {
  std::vector<at::Tensor> flat;
  flat.reserve(members.size());
  for (const std::size_t i : members) {
    flat.push_back(tensors[i].detach().reshape({-1}));
  }
  const at::Tensor joined = flat.size() == 1 ? flat.front() : at::cat(flat);
  const bool half = joined.scalar_type() == at::kHalf || joined.scalar_type() == at::kBFloat16;
  return joined.to(at::kCPU, half ? at::kFloat : joined.scalar_type());
}

/// Puts what `flattened` joined back into its tensors.
inline void put_back(const at::Tensor& flat, const std::vector<at::Tensor>& tensors, const bucket& members) {
  std::int64_t first = 0;
  for (const std::size_t i : members) {
    const at::Tensor to = tensors[i].detach();
    if (!flat.is_alias_of(to)) {
      to.copy_(flat.narrow(0, first, to.numel()).view(to.sizes()));
    }
    first += to.numel();
  }
}

}  // namespace redoubt::detail
