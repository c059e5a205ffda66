// Draws of the GPU beside the host's.

#include <redoubt/core/random.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <vector>

TEST_CASE("gpu: uniform draws have the host's bits, normal and Laplace ones its numbers to a rounding") {
  const redoubt::draw where{.seed = 42, .restart = 1, .step = 2};
  for (const auto& shape : {std::vector<std::int64_t>{5, 3}, {64, 1, 28, 28}, {2, 3, 224, 224}}) {
    CAPTURE(shape);
    const at::Tensor rows = at::arange(shape[0], at::kLong).mul(1000003);
    const at::Tensor host = at::empty(shape);
    const at::Tensor device = host.cuda();
    CHECK(at::equal(redoubt::uniform_like(device, rows.cuda(), where).cpu(), redoubt::uniform_like(host, rows, where)));
    CHECK(at::allclose(redoubt::normal_like(device, rows.cuda(), where).cpu(), redoubt::normal_like(host, rows, where),
                       2e-7, 1e-12));
    CHECK(at::allclose(redoubt::laplace_like(device, rows.cuda(), where).cpu(),
                       redoubt::laplace_like(host, rows, where), 2e-7, 1e-12));
  }
}
