#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <redoubt/core/error.hpp>
#include <utility>
#include <vector>

namespace redoubt {

/// One side of a box: one number for all elements, or a number per channel ([C], dimension 1 of the input).
///
/// Converts from both, so that `.box = {0, 1}` and `.box = {lowest, highest}` read alike.
class bound {
 public:
  /// One number for all elements, in units of the input.
  bound(double number) : number_{number} {}  // NOLINT(google-explicit-constructor)
  /// A number per channel [C]; throws std::invalid_argument for a tensor of another shape.
  bound(at::Tensor per_channel) : each_{std::move(per_channel)} {  // NOLINT(google-explicit-constructor)
    require(each_.defined() && each_.dim() == 1, "box: bounds are a number, or one per channel [C]");
  }

  /// Whether there is a number per channel.
  [[nodiscard]] bool is_per_channel() const { return each_.defined(); }

  /// The number, where there is one for all elements; throws std::invalid_argument where there is one per channel.
  [[nodiscard]] double number() const {
    require(!is_per_channel(), "box: this bound has a number per channel");
    return number_;
  }

  /// The bound as a tensor that broadcasts over `like` [N, C, ...], with its dtype and device.
  ///
  /// Throws std::invalid_argument where `like` has another number of channels.
  [[nodiscard]] at::Tensor broadcast_over(const at::Tensor& like) const {
    if (!is_per_channel()) {
      return like.new_full({}, number_);
    }
    require(like.dim() >= 2 && each_.size(0) == like.size(1), "box: has bounds for ", each_.size(0),
            " channels, the input is ", like.sizes());
    std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
    shape[1] = each_.size(0);
    return each_.to(like.options()).view(shape);
  }

  /// Smallest and largest number of the bound.
  [[nodiscard]] std::pair<double, double> range() const {
    if (!is_per_channel() || each_.numel() == 0) {
      return {number_, number_};
    }
    const auto [smallest, largest] = each_.to(at::kDouble).aminmax();
    return {smallest.item<double>(), largest.item<double>()};
  }

 private:
  double number_ = 0;
  at::Tensor each_;
};

/// The interval that every input value must stay in: [0, 1] for images. Its bounds may differ by channel.
///
/// Where they do, each function throws std::invalid_argument for x of another number of channels.
struct box {
  bound lower = 0;  ///< smallest value allowed, in units of the input
  bound upper = 1;  ///< largest value allowed, in units of the input

  /// The nearest point of the box, for every element of x [N, ...].
  [[nodiscard]] at::Tensor clamp(const at::Tensor& x) const {
    if (lower.is_per_channel() || upper.is_per_channel()) {
      return x.clamp(lower.broadcast_over(x), upper.broadcast_over(x));
    }
    return x.clamp(lower.number(), upper.number());
  }

  /// The same in place.
  at::Tensor& clamp_(at::Tensor& x) const {
    if (lower.is_per_channel() || upper.is_per_channel()) {
      return x.clamp_(lower.broadcast_over(x), upper.broadcast_over(x));
    }
    return x.clamp_(lower.number(), upper.number());
  }

  /// `direction` [N, ...] with zeros where `point`, like it, stands at the bound that it would cross.
  [[nodiscard]] at::Tensor free_part(const at::Tensor& direction, const at::Tensor& point) const {
    const at::Tensor up = direction.gt(0).logical_and_(point.ge(upper.broadcast_over(point)));
    const at::Tensor down = direction.lt(0).logical_and_(point.le(lower.broadcast_over(point)));
    return direction.masked_fill(up.logical_or_(down), 0);
  }

  /// Throws std::invalid_argument unless lower < upper, both finite, and every element of x [N, ...] lies inside.
  ///
  /// To a rounding of x's dtype and a millionth of the box; a NaN lies outside. The message begins with `who`, and
  /// names the range of an x that leaves the box and the usual cause. Cost: one pass over x; waits for a device.
  void require_inside(const char* who, const at::Tensor& x) const {
    if (lower.is_per_channel() || upper.is_per_channel()) {
      return require_inside_channels(who, x);
    }
    require_interval(who, lower.number(), upper.number());
    if (x.numel() == 0) {
      return;
    }
    const auto [low, high] = range_of(who, x);
    // The bounds as the tensor's own type rounds them: 0.1 in a box written as a double is not 0.1F, nor half's 0.1.
    const auto rounded = [&](double value) { return x.new_full({}, value, at::Device{at::kCPU}).item<double>(); };
    const double least = lower.number();
    const double most = upper.number();
    const double slack = 1e-6 * (most - least);
    require(low >= std::min(least, rounded(least)) - slack && high <= std::max(most, rounded(most)) + slack, who,
            ": the input must lie in the box [", least, ", ", most, "], but spans [", low, ", ", high, "]", advice);
  }

 private:
  static constexpr const char* advice =
      "; give the box of your data, and normalise inside the model so that radii keep their unit (redoubt::normalised)";

  static void require_interval(const char* who, double low, double high) {
    require(std::isfinite(low) && std::isfinite(high) && low < high, who,
            ": the box needs finite bounds, lower < upper; got [", low, ", ", high, "]");
  }

  static std::pair<double, double> range_of(const char* who, const at::Tensor& x) {
    const auto [smallest, largest] = x.aminmax();
    const auto low = smallest.item<double>();
    const auto high = largest.item<double>();
    require(!std::isnan(low) && !std::isnan(high), who, ": the input holds a NaN");
    return {low, high};
  }

  void require_inside_channels(const char* who, const at::Tensor& x) const {
    const at::Tensor least = lower.broadcast_over(x).to(at::kDouble);
    const at::Tensor most = upper.broadcast_over(x).to(at::kDouble);
    const at::Tensor width = most.sub(least).flatten();
    for (std::int64_t channel = 0; channel < width.size(0); ++channel) {
      const auto of = [&](const at::Tensor& side) {
        return side.flatten().expand({width.size(0)})[channel].item<double>();
      };
      require_interval(who, of(least), of(most));
      if (x.numel() == 0) {
        continue;
      }
      const at::Tensor values = x.select(1, channel);
      const auto [low, high] = range_of(who, values);
      const double slack = 1e-6 * (of(most) - of(least));
      require(low >= of(least) - slack && high <= of(most) + slack, who, ": channel ", channel,
              " of the input must lie in the box [", of(least), ", ", of(most), "], but spans [", low, ", ", high, "]",
              advice);
    }
  }
};

}  // namespace redoubt
