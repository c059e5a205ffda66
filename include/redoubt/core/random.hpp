#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <redoubt/core/detail/device.hpp>
#include <redoubt/core/detail/device_draw.hpp>
#include <redoubt/core/detail/draws.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/philox.hpp>

namespace redoubt {

/// Where a random draw stands: with the sample's row these numbers decide it, and nothing else does.
struct draw {
  std::uint64_t seed = 0;     ///< of the whole attack or training
  std::uint32_t restart = 0;  ///< below 65,536
  std::uint32_t step = 0;     ///< of the restart
};

namespace detail {

/// Queues the draw on the device of `values` [N, ...], where `rows` are, too.
inline void draw_on_device(at::Tensor& values, const at::Tensor& rows, const draw& where, distribution of) {
  queue_on(values.device(), redoubt_cuda_draw,
           device_draw{.to = values.mutable_data_ptr<float>(),
                       .rows = detail::elements_of<std::int64_t>(rows),
                       .samples = values.size(0),
                       .size = values.numel() / values.size(0),
                       .seed = where.seed,
                       .restart = where.restart,
                       .step = where.step,
                       .of = of},
           "a random draw");
}

/// Numbers of the distribution for each sample of `like` [N, ...].
template <class Number>
[[nodiscard]] at::Tensor drawn(const at::Tensor& like, const at::Tensor& rows, const draw& where, distribution of) {
  require(where.restart < (1U << 16), "random draw: restart must be below 65536, got ", where.restart);
  const std::int64_t samples = like.size(0);
  require(rows.dim() == 1 && rows.size(0) == samples, "random draw: need one row number per sample (", samples,
          "), got ", rows.numel());
  const at::Tensor index = rows.to(at::kLong).contiguous();
  if (samples > 0) {
    const auto [least, most] = index.aminmax();
    const auto low = least.item<std::int64_t>();
    const auto high = most.item<std::int64_t>();
    require(low >= 0 && high < (std::int64_t{1} << 48), "random draw: row numbers must lie in [0, 2^48), got ",
            low < 0 ? low : high);
  }
  const bool by_device = like.is_cuda() && redoubt_cuda_draw != nullptr && like.numel() > 0;
  at::Tensor values =
      like.new_empty(like.sizes(), at::TensorOptions().dtype(at::kFloat).device(by_device ? like.device() : at::kCPU));
  if (by_device) {
    draw_on_device(values, index.to(like.device()), where, of);
    return values;
  }
  const at::Tensor each = index.to(at::kCPU);
  const std::int64_t* const row = detail::elements_of<std::int64_t>(each);
  const std::int64_t width = samples == 0 ? 0 : like.numel() / samples;
  const auto key = philox_key(where.seed);
  float* out = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < samples; ++i, out += width) {
    for (std::int64_t k = 0; k < width; k += 4) {
      const auto bits = philox4x32(draw_counter(k / 4, row[i], where.restart, where.step), key);
      for (int j = 0; j < 4 && k + j < width; ++j) {
        out[k + j] = Number::of(bits, j);
      }
    }
  }
  return values.to(like.device());
}

}  // namespace detail

/// Uniform numbers in [0, 1), shaped like `like` [N, ...], float32, on its device.
///
/// `rows` (int64 [N]) says which sample each row is. A sample's numbers depend on (seed, row, restart, step) alone:
/// bitwise the same in any batch, order and on any device.
/// Throws std::invalid_argument for rows that are not one per sample, a row outside [0, 2^48) or a restart of 65,536
/// and more; std::runtime_error where a device refuses. Cost: drawn on the host and copied, or, where redoubt::cuda is
/// linked, by the device itself.
[[nodiscard]] inline at::Tensor uniform_like(const at::Tensor& like, const at::Tensor& rows, const draw& where) {
  return detail::drawn<detail::uniform_number>(like, rows, where, detail::distribution::uniform);
}

/// Standard normal numbers, with the shape and guarantees of `uniform_like`.
///
/// Box and Muller 1958, in double precision: bitwise the same in any batch and order on one device, and to a rounding
/// of float32 on all.
[[nodiscard]] inline at::Tensor normal_like(const at::Tensor& like, const at::Tensor& rows, const draw& where) {
  return detail::drawn<detail::normal_number>(like, rows, where, detail::distribution::normal);
}

/// Numbers of the Laplace distribution of scale 1, with the shape and guarantees of `normal_like`.
///
/// An exponential number (the inverse of its distribution function, in double precision) under a random sign.
[[nodiscard]] inline at::Tensor laplace_like(const at::Tensor& like, const at::Tensor& rows, const draw& where) {
  return detail::drawn<detail::laplace_number>(like, rows, where, detail::distribution::laplace);
}

}  // namespace redoubt
