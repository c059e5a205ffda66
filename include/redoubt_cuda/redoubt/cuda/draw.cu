// Random draws on a device.

#include <algorithm>
#include <cstdint>
#include <redoubt/core/detail/device_draw.hpp>
#include <redoubt/core/detail/draws.hpp>
#include <redoubt/cuda/detail/draw.cuh>

namespace {

template <class Number>
int launch(const redoubt::detail::device_draw& d) {
  constexpr int threads = 256;
  const std::int64_t work = d.samples * ((d.size + 3) / 4);
  const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((work + threads - 1) / threads, 1 << 20));
  redoubt::cuda::detail::draw_numbers<Number><<<blocks, threads, 0, static_cast<cudaStream_t>(d.stream)>>>(d);
  return static_cast<int>(cudaGetLastError());
}

}  // namespace

int redoubt_cuda_draw(const redoubt::detail::device_draw& d) {
  switch (d.of) {
    case redoubt::detail::distribution::uniform:
      return launch<redoubt::detail::uniform_number>(d);
    case redoubt::detail::distribution::normal:
      return launch<redoubt::detail::normal_number>(d);
    default:
      return launch<redoubt::detail::laplace_number>(d);
  }
}
