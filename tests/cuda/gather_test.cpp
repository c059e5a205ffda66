// The kernel that gathers gradients, as it is, on an emulated device, beside the host's. No device is needed.

#include <redoubt/attack/momentum.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <vector>

#include "../norm/steps.hpp"
#include "emulated/device.hpp"

#include <redoubt/cuda/detail/gather.cuh>

TEST_CASE("cuda: a device gathers gradients as the host does, to a rounding") {
  std::uint64_t seed = 1;
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{3, 1, 1, 1}, {2, 3, 5, 5}, {4, 1, 28, 28}}) {
    for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
      for (const double scale : {1.0, 1e-30, 0.0}) {
        CAPTURE(shape);
        CAPTURE(type);
        CAPTURE(scale);
        const redoubt::testing::step_problem p{shape, ++seed};
        const at::Tensor gradient = p.gradient.mul(scale).to(type);
        redoubt::momentum host{.decay = 0.9, .gathered = p.point.clone()};
        host.gather(gradient.to(at::kFloat));
        const at::Tensor gathered = p.point.clone();
        const redoubt::detail::device_gather told{.gathered = gathered.data_ptr<float>(),
                                                  .gradient = gradient.data_ptr(),
                                                  .samples = shape[0],
                                                  .size = gathered.numel() / shape[0],
                                                  .decay = 0.9F,
                                                  .type = *redoubt::detail::stored_on_device(type)};
        redoubt::testing::launch({.blocks = static_cast<unsigned>(shape[0]),
                                  .threads = 64,
                                  .shared = sizeof(redoubt::cuda::detail::block_team<64>::shared),
                                  .backwards = seed % 2 == 1},
                                 [&] { redoubt::cuda::detail::gather<64>(told); });
        CHECK(at::allclose(gathered, host.gathered, 1e-6, 1e-7));
      }
    }
  }
}
