#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <redoubt/core/detail/fnv1a.hpp>
#include <redoubt/evaluate/detail/outcomes.hpp>
#include <string>

namespace redoubt::detail {

/// An evaluation that can be gone on with: what is known, and of which samples and which run.
struct saved_evaluation {
  std::string identity;
  std::uint64_t samples = 0;  // their hash, see `hash_of`
  outcomes known;
  double seconds = 0;
};

/// The hash of samples, labels and row numbers to the bit, going on from that of the samples before them.
[[nodiscard]] inline std::uint64_t hash_of(const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows,
                                           std::uint64_t hash) {
  const std::array host{x.to(at::kCPU).contiguous(), y.to(at::kCPU).contiguous(), rows.to(at::kCPU).contiguous()};
  for (std::int64_t i = 0; i < x.size(0); ++i) {  // sample by sample, so that shards and batches leave no mark
    for (const at::Tensor& each : host) {
      const std::size_t width = each.nbytes() / static_cast<std::size_t>(x.size(0));
      hash =
          fnv1a({static_cast<const char*>(each.const_data_ptr()) + static_cast<std::size_t>(i) * width, width}, hash);
    }
  }
  return hash;
}

}  // namespace redoubt::detail
