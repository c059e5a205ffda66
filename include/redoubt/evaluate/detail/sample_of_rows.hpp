#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt::detail {

/// A random sample without replacement of samples that come one batch after another.
///
/// Each row number draws a key, and the smallest keys stay: which samples these are depends on the rows offered, and
/// not on their order or batches (bottom-k sampling; Cohen & Kaplan 2007).
class sample_of_rows {
 public:
  explicit sample_of_rows(std::int64_t size) : size_{size} {}

  void offer(const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows) {
    // Two floats of 24 random bits each make one key that no two rows share but by a chance of 2^-48.
    const at::Tensor drawn = uniform_like(x.new_empty({x.size(0), 2}), rows, {.seed = seed}).to(at::kDouble);
    const at::Tensor keys = drawn.select(1, 0).add(drawn.select(1, 1), 1.0 / (1 << 24));
    const auto append = [](at::Tensor& all, const at::Tensor& more) {
      all = all.defined() ? at::cat({all, more}) : more;
    };
    append(x_, x);
    append(y_, y);
    append(rows_, rows);
    append(keys_, keys);
    if (keys_.size(0) > size_) {
      keep(std::get<1>(keys_.topk(size_, 0, /*largest=*/false)));
    }
  }

  /// What has been kept, by row number.
  [[nodiscard]] const at::Tensor& x() const { return x_; }
  [[nodiscard]] const at::Tensor& y() const { return y_; }
  [[nodiscard]] const at::Tensor& rows() const { return rows_; }
  [[nodiscard]] bool empty() const { return !x_.defined(); }

  void sort() { keep(rows_.argsort()); }

 private:
  static constexpr std::uint64_t seed = 0x5eed;

  void keep(const at::Tensor& chosen) {
    for (at::Tensor* each : {&x_, &y_, &rows_, &keys_}) {
      *each = each->index_select(0, chosen);
    }
  }

  std::int64_t size_;
  at::Tensor x_, y_, rows_, keys_;
};

}  // namespace redoubt::detail
