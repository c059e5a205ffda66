#include <redoubt/attack/translation_invariant.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <torch/csrc/autograd/autograd.h>
#include <algorithm>
#include <cmath>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/l2.hpp>
#include <stdexcept>

#include "../models.hpp"

using redoubt::translation_invariant;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::uniform;

static_assert(redoubt::a_transform<translation_invariant>);

namespace {

/// The convolution as its definition writes it, with zeros beyond the image.
at::Tensor convolved(const at::Tensor& images, std::int64_t radius, double deviations) {
  const auto weight = [&](std::int64_t i) {
    const double z = radius == 0 ? 0 : deviations * static_cast<double>(i) / static_cast<double>(radius);
    return std::exp(-z * z / 2);
  };
  double total = 0;
  at::Tensor sum = at::zeros_like(images);
  const std::int64_t height = images.size(2);
  const std::int64_t width = images.size(3);
  for (std::int64_t i = -radius; i <= radius; ++i) {
    for (std::int64_t j = -radius; j <= radius; ++j) {
      const double w = weight(i) * weight(j);
      total += w;
      if (std::abs(i) < height && std::abs(j) < width) {
        const std::int64_t rows = height - std::abs(i);
        const std::int64_t columns = width - std::abs(j);
        const auto zero = std::int64_t{0};
        sum.narrow(2, std::max(-i, zero), rows)
            .narrow(3, std::max(-j, zero), columns)
            .add_(images.narrow(2, std::max(i, zero), rows).narrow(3, std::max(j, zero), columns), w);
      }
    }
  }
  return sum.div(total);
}

}  // namespace

TEST_CASE("translation_invariant: hands the image on bit by bit, and smooths the gradient that comes back") {
  for (const auto& kernel : {std::pair{0, 3.0}, std::pair{1, 0.0}, std::pair{3, 2.0}, std::pair{7, 3.0}}) {
    const auto& [radius, deviations] = kernel;
    CAPTURE(kernel.first);
    const at::Tensor x = uniform({3, 2, 9, 5}, 1).to(at::kDouble).requires_grad_();
    const at::Tensor weight = uniform({3, 2, 9, 5}, 2, -1, 1).to(at::kDouble);
    const translation_invariant with{.radius = radius, .deviations = deviations};
    const at::Tensor shown = with(x, first_rows(3), {});
    CHECK(at::equal(shown, x));
    const at::Tensor gradient = torch::autograd::grad({shown.mul(weight).sum()}, {x})[0];
    CHECK(largest(gradient.sub(convolved(weight, radius, deviations))) < 1e-12);
  }
}

TEST_CASE("translation_invariant: the default is the paper's kernel of 15 x 15 whose edge lies at three deviations") {
  at::Tensor impulse = at::zeros({1, 1, 15, 15}, at::kDouble);
  impulse[0][0][7][7] = 1;
  const at::Tensor kernel = translation_invariant{}.smoothed(impulse);
  CHECK(kernel.sum().item<double>() == doctest::Approx(1));
  const double centre = kernel[0][0][7][7].item<double>();
  CHECK(kernel[0][0][7][0].item<double>() / centre == doctest::Approx(std::exp(-4.5)));
  CHECK(kernel[0][0][0][0].item<double>() / centre == doctest::Approx(std::exp(-9)));
}

TEST_CASE("translation_invariant: an attack's step is that of the smoothed gradient") {
  const auto net = redoubt::testing::smooth_net::make(36, 3, 1);
  const at::Tensor x = uniform({4, 1, 6, 6}, 2, 0.3, 0.7).to(at::kDouble);
  const at::Tensor y = redoubt::testing::labels(4, 3, 3);
  const at::Tensor point = x.clone().requires_grad_();
  const at::Tensor g = torch::autograd::grad({redoubt::cross_entropy{}(net(point), y).sum()}, {point})[0];
  const at::Tensor smooth = convolved(g, 2, 3);
  const at::Tensor expected = smooth.div(smooth.flatten(1).norm(2, 1).view({4, 1, 1, 1})).mul(0.05);
  const redoubt::pgd attack{redoubt::l2{1},
                            {.step = 0.05,
                             .steps = 1,
                             .random_start = false,
                             .keep = redoubt::iterate::last,
                             .transform = translation_invariant{.radius = 2}}};
  CHECK(largest(attack(net, x, y).sub(x).sub(expected)) < 1e-9);
}

TEST_CASE("translation_invariant: one pixel, no samples and points without a gradient are no obstacle") {
  const translation_invariant with{};
  CHECK(with.smoothed(at::ones({1, 1, 1, 1}, at::kDouble)).item<double>() > 0);
  CHECK(with(at::empty({0, 3, 4, 4}), first_rows(0), {}).numel() == 0);
  CHECK_FALSE(with(at::ones({1, 3, 4, 4}), first_rows(1), {}).requires_grad());
}

TEST_CASE("translation_invariant: other shapes and options out of range are named") {
  const at::Tensor x = at::full({2, 1, 4, 4}, 0.5);
  const auto refused = [&](const translation_invariant& with, const at::Tensor& point, const char* message) {
    CHECK_THROWS_WITH_AS((void)with(point, first_rows(2), {}), doctest::Contains(message), std::invalid_argument);
  };
  refused({}, at::ones({2, 16}), "translation_invariant: works on images [N, C, H, W], got shape [2, 16]");
  refused({.radius = -1}, x, "translation_invariant: radius must not be negative, got -1");
  refused({.deviations = -1}, x, "translation_invariant: deviations must be finite and not negative, got -1");
}
