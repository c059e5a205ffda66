// The draws' kernel, as it is, on an emulated device, beside the host's draws. No device is needed.

#include <redoubt/core/random.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <vector>

#include "emulated/device.hpp"

#include <redoubt/cuda/detail/draw.cuh>

namespace {

template <class Number>
void check(at::Tensor (*host)(const at::Tensor&, const at::Tensor&, const redoubt::draw&)) {
  const redoubt::draw where{.seed = 0x123456789abcdef, .restart = 3, .step = 7};
  for (const std::int64_t size : {1, 3, 4, 50}) {
    CAPTURE(size);
    const at::Tensor rows = at::tensor({std::int64_t{5}, std::int64_t{1} << 40, std::int64_t{0}}, at::kLong);
    const at::Tensor drawn = at::full({3, size + 1}, -9.0);  // and one element behind each that stays as it is
    redoubt::detail::device_draw told{.to = drawn.data_ptr<float>(),
                                      .rows = rows.data_ptr<std::int64_t>(),
                                      .samples = 3,
                                      .size = size,
                                      .seed = where.seed,
                                      .restart = where.restart,
                                      .step = where.step};
    redoubt::testing::launch({.blocks = 3, .threads = 4}, [&] { redoubt::cuda::detail::draw_numbers<Number>(told); });
    const at::Tensor found = drawn.flatten().slice(0, 0, 3 * size).view({3, size});
    CHECK(at::equal(found, host(at::empty({3, size}), rows, where)));
    CHECK(drawn.flatten().slice(0, 3 * size).eq(-9).all().item<bool>());
  }
}

}  // namespace

TEST_CASE("cuda: a device draws the host's numbers, whatever its grid") {
  check<redoubt::detail::uniform_number>(redoubt::uniform_like);
  check<redoubt::detail::normal_number>(redoubt::normal_like);
  check<redoubt::detail::laplace_number>(redoubt::laplace_like);
}
