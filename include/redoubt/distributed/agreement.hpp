#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/distributed/process_group.hpp>
#include <string>

namespace redoubt {

/// Rank 0's `bytes`, on every rank; those of others are not looked at. Cost: two broadcasts.
[[nodiscard]] inline std::string broadcast_bytes(const process_group& group, const std::string& bytes,
                                                 const char* what = "send bytes from rank 0") {
  const at::Tensor size = at::full({1}, static_cast<std::int64_t>(bytes.size()), at::kLong);
  group.broadcast({size}, what);
  const at::Tensor all = at::empty({size.item<std::int64_t>()}, at::kByte);
  if (group.rank() == 0) {
    std::copy(bytes.begin(), bytes.end(), all.mutable_data_ptr<std::uint8_t>());
  }
  group.broadcast({all}, what);
  const auto* const first = detail::elements_of<std::uint8_t>(all);
  return {first, first + all.numel()};
}

/// Whether any rank says yes; the same on every rank. Cost: one sum.
[[nodiscard]] inline bool any_rank(const process_group& group, bool yes, const char* what = "agree") {
  const at::Tensor votes = at::full({1}, static_cast<std::int64_t>(yes), at::kLong);
  group.sum({votes}, what);
  return votes.item<std::int64_t>() > 0;
}

/// Throws std::runtime_error on every rank where one has another `value` than rank 0: for what all must have in common
/// before they work together, as sums of what does not fit would hang or be wrong. `what` says what it is. Cost: two
/// broadcasts and a sum.
inline void require_agreement(const process_group& group, const std::string& what, const std::string& value) {
  const std::string first = broadcast_bytes(group, value, "compare what they work on");
  const at::Tensor differs = at::zeros({group.world()}, at::kLong);
  differs[group.rank()] = static_cast<std::int64_t>(value != first);
  group.sum({differs}, "compare what they work on");
  if (value != first) {
    fail("rank ", group.rank(), " of ", group.world(), " has another ", what, " than rank 0: ", value, "; rank 0 has ",
         first);
  }
  for (int rank = 0; rank < group.world(); ++rank) {
    if (differs[rank].item<std::int64_t>() != 0) {
      fail("rank ", rank, " of ", group.world(), " has another ", what, " than rank 0, which has ", first);
    }
  }
}

}  // namespace redoubt
