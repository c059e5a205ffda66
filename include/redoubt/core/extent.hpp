#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <redoubt/core/error.hpp>
#include <utility>
#include <vector>

namespace redoubt {

/// `values` [N] reshaped to [N, 1, ...] so that it broadcasts over `like` [N, ...]; a mask stays a mask.
[[nodiscard]] inline at::Tensor broadcast_rows(const at::Tensor& values, const at::Tensor& like) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  shape[0] = values.size(0);
  return values.view(shape);
}

/// `values` [N] reshaped to [N, 1, ...] so that it broadcasts over `like` [N, ...], with like's dtype and device.
[[nodiscard]] inline at::Tensor per_sample(const at::Tensor& values, const at::Tensor& like) {
  return broadcast_rows(values.to(like.options()), like);
}

/// A length: one number for all samples, or one number per sample ([N]).
///
/// Converts from both, so that `.radius = 0.1` and `.radius = radii` read alike.
class extent {
 public:
  /// One number for all samples.
  extent(double number) : number_{number} {}  // NOLINT(google-explicit-constructor)
  /// A number per sample [N]; throws std::invalid_argument for an undefined tensor. See `require_valid` for the rest.
  extent(at::Tensor per_sample) : each_{std::move(per_sample)} {  // NOLINT(google-explicit-constructor)
    // Else it would pass for the number 0: a radius that attacks nothing.
    require(each_.defined(), "extent: the tensor of one number per sample is undefined");
  }

  /// Whether there is a number per sample.
  [[nodiscard]] bool is_per_sample() const { return each_.defined(); }

  /// The number, where there is one for all samples; throws std::invalid_argument where there is one per sample.
  [[nodiscard]] double number() const {
    require(!is_per_sample(), "extent: this one has a number per sample");
    return number_;
  }

  /// The extent times `factor`.
  [[nodiscard]] extent times(double factor) const {
    return is_per_sample() ? extent{each_.mul(factor)} : extent{number_ * factor};
  }

  /// t [N, ...] times the extent, in place.
  at::Tensor& scale_(at::Tensor& t) const { return is_per_sample() ? t.mul_(per_sample(each_, t)) : t.mul_(number_); }

  /// Every element of t [N, ...] moved into [-extent, extent], in place.
  at::Tensor& clamp_(at::Tensor& t) const {
    if (!is_per_sample()) {
      return t.clamp_(-number_, number_);
    }
    const at::Tensor bound = per_sample(each_, t);
    return t.clamp_(bound.neg(), bound);
  }

  /// The extents as a tensor that broadcasts over `like` [N, ...].
  [[nodiscard]] at::Tensor broadcast_over(const at::Tensor& like) const {
    return per_sample(is_per_sample() ? each_ : like.new_full({like.size(0)}, number_), like);
  }

  /// The extents of the samples `rows` (int64 [M]).
  [[nodiscard]] extent at(const at::Tensor& rows) const {
    return is_per_sample() ? extent{each_.index_select(0, rows.to(each_.device()))} : *this;
  }

  /// Throws std::invalid_argument unless every value is finite and >= 0 and there is one, or one for each of `samples`.
  void require_valid(const char* what, std::int64_t samples) const {
    if (!is_per_sample()) {
      require(std::isfinite(number_) && number_ >= 0, what, " must be finite and not negative, got ", number_);
      return;
    }
    require(each_.dim() == 1 && each_.size(0) == samples, what, " must be a number or one per sample [", samples,
            "], got a tensor of shape ", each_.sizes());
    if (samples > 0) {
      const auto [smallest, largest] = each_.to(at::kDouble).aminmax();
      const auto low = smallest.item<double>();
      const auto high = largest.item<double>();
      require(low >= 0 && std::isfinite(low) && std::isfinite(high), what,
              " must be finite and not negative for every sample, but spans [", low, ", ", high, "]");
    }
  }

 private:
  double number_ = 0;
  at::Tensor each_;
};

}  // namespace redoubt
