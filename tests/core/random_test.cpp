#include <redoubt/core/random.hpp>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <doctest/doctest.h>

#include <set>
#include <stdexcept>

#include "../models.hpp"

using redoubt::draw;
using redoubt::laplace_like;
using redoubt::normal_like;
using redoubt::uniform_like;
using redoubt::testing::first_rows;

namespace {

at::Tensor row_numbers(std::initializer_list<std::int64_t> numbers) {
  return at::tensor(numbers, at::kLong);
}

}  // namespace

TEST_CASE("uniform_like: each number is Philox at (element, row, restart, step) under the seed") {
  const draw where{.seed = 0x123456789abcdef0, .restart = 7, .step = 11};
  const std::int64_t row = (std::int64_t{5} << 32) + 3;
  const at::Tensor numbers = uniform_like(at::empty({1, 2, 3}), row_numbers({row}), where).flatten();
  const auto first = redoubt::philox4x32({0, 3, 5 | (7 << 16), 11}, redoubt::philox_key(where.seed));
  const auto second = redoubt::philox4x32({1, 3, 5 | (7 << 16), 11}, redoubt::philox_key(where.seed));
  for (std::int64_t k = 0; k < 6; ++k) {
    const auto& block = k < 4 ? first : second;
    CHECK(numbers[k].item<float>() == redoubt::unit_float(block[static_cast<std::size_t>(k % 4)]));
  }
}

TEST_CASE("uniform_like: fills [0, 1) evenly") {
  const at::Tensor numbers = uniform_like(at::empty({100, 1000}), first_rows(100), {.seed = 1}).to(at::kDouble);
  CHECK(numbers.min().item<double>() >= 0);
  CHECK(numbers.max().item<double>() < 1);
  CHECK(numbers.mean().item<double>() == doctest::Approx(0.5).epsilon(0.005));
  CHECK(numbers.var().item<double>() == doctest::Approx(1.0 / 12).epsilon(0.01));
  const at::Tensor bins = at::bincount(numbers.flatten().mul(20).to(at::kLong), {}, 20).to(at::kDouble);
  CHECK(bins.sub(5000).pow(2).div(5000).sum().item<double>() < 43.8);  // 99.9 % of 19 degrees of freedom
  // Neither along a sample nor from one sample to the next do numbers know of each other: 4.5 standard errors.
  const at::Tensor centred = numbers.sub(0.5).mul(std::sqrt(12.0));
  CHECK(std::abs(centred.slice(1, 1).mul(centred.slice(1, 0, -1)).mean().item<double>()) < 0.0142);
  CHECK(std::abs(centred.slice(0, 1).mul(centred.slice(0, 0, -1)).mean().item<double>()) < 0.0142);
}

TEST_CASE("draws: seed, row, restart and step each make another draw, and no two of them stand for each other") {
  const auto row = [](std::int64_t number, const draw& where) {
    const at::Tensor u = uniform_like(at::empty({1, 2}), row_numbers({number}), where);
    return std::pair{u[0][0].item<float>(), u[0][1].item<float>()};
  };
  std::set<std::pair<float, float>> seen;
  int draws = 0;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{1} << 32}) {
    for (const std::int64_t number :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{1} << 32, (std::int64_t{1} << 48) - 1}) {
      for (const std::uint32_t restart : {0U, 1U, 65535U}) {
        for (const std::uint32_t step : {0U, 1U, 0xffffffffU}) {
          seen.insert(row(number, {.seed = seed, .restart = restart, .step = step}));
          ++draws;
        }
      }
    }
  }
  CHECK(seen.size() == static_cast<std::size_t>(draws));
}

TEST_CASE("draws: a sample's numbers are bitwise the same in any batch, order and company") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 50; ++trial) {
    CAPTURE(trial);
    const std::int64_t samples = 1 + random.below(9);
    const at::Tensor like = at::empty({samples, 1 + random.below(4), 1 + random.below(5)});
    const draw where{.seed = random(), .restart = random.below(65536), .step = random()};
    const at::Tensor rows = redoubt::testing::uniform({samples, 1}, random()).mul(1e6).flatten().to(at::kLong);
    const at::Tensor order = redoubt::testing::uniform({samples, 1}, random()).flatten().argsort();
    const at::Tensor some = order.narrow(0, 0, 1 + random.below(static_cast<std::uint32_t>(samples)));
    for (const auto numbers : {uniform_like, normal_like, laplace_like}) {
      const at::Tensor all = numbers(like, rows, where);
      CHECK(at::equal(numbers(like.index_select(0, order), rows.index_select(0, order), where),
                      all.index_select(0, order)));
      CHECK(
          at::equal(numbers(like.index_select(0, some), rows.index_select(0, some), where), all.index_select(0, some)));
    }
  }
}

TEST_CASE("draws: memory format, type and strides of `like` change nothing; the result is float32 of its shape") {
  const at::Tensor plain = at::empty({3, 2, 4, 5});
  for (const auto numbers : {uniform_like, normal_like, laplace_like}) {
    const at::Tensor expected = numbers(plain, first_rows(3), {.seed = 2});
    CHECK((expected.scalar_type() == at::kFloat));
    CHECK(expected.sizes() == plain.sizes());
    CHECK(at::equal(numbers(plain.contiguous(at::MemoryFormat::ChannelsLast), first_rows(3), {.seed = 2}), expected));
    CHECK(at::equal(numbers(at::empty({4, 5, 2, 3}).permute({3, 2, 0, 1}), first_rows(3), {.seed = 2}), expected));
    for (const at::ScalarType type : {at::kDouble, at::kHalf, at::kBFloat16}) {
      CHECK(at::equal(numbers(plain.to(type), first_rows(3), {.seed = 2}), expected));
    }
    // Rows that are themselves a view.
    CHECK(at::equal(numbers(plain, at::arange(6, at::kLong).slice(0, 0, 6, 2), {.seed = 2}),
                    numbers(plain, row_numbers({0, 2, 4}), {.seed = 2})));
  }
}

TEST_CASE("draws: a wider sample begins with the numbers of a narrower one") {
  for (const auto numbers : {uniform_like, normal_like, laplace_like}) {
    const at::Tensor wide = numbers(at::empty({2, 13}), first_rows(2), {.seed = 4});
    for (std::int64_t width = 1; width < 13; ++width) {
      CHECK(at::equal(numbers(at::empty({2, width}), first_rows(2), {.seed = 4}), wide.narrow(1, 0, width)));
    }
  }
}

TEST_CASE("normal_like: has the moments of a standard normal, and pairs of it are uncorrelated") {
  const at::Tensor z = normal_like(at::empty({200, 1000}), first_rows(200), {.seed = 3}).to(at::kDouble);
  // Within 4.5 standard errors of 200,000 draws.
  const double unit = 4.5 / std::sqrt(200000.0);
  CHECK(std::abs(z.mean().item<double>()) < unit);
  CHECK(std::abs(z.pow(2).mean().item<double>() - 1) < unit * std::sqrt(2.0));
  CHECK(std::abs(z.pow(3).mean().item<double>()) < unit * std::sqrt(15.0));
  CHECK(std::abs(z.pow(4).mean().item<double>() - 3) < unit * std::sqrt(96.0));
  const at::Tensor even = z.slice(1, 0, 1000, 2);
  const at::Tensor odd = z.slice(1, 1, 1000, 2);
  CHECK(std::abs(even.mul(odd).mean().item<double>()) < unit * std::sqrt(2.0));
  CHECK(std::abs(even.pow(2).sub(1).mul(odd.pow(2).sub(1)).mean().item<double>()) < unit * std::sqrt(8.0));
  // P(|z| < 1) and P(|z| > 3).
  CHECK(z.abs().lt(1).to(at::kDouble).mean().item<double>() == doctest::Approx(0.682689).epsilon(0.008));
  CHECK(z.abs().gt(3).to(at::kDouble).mean().item<double>() == doctest::Approx(0.0026998).epsilon(0.2));
  CHECK(z.isfinite().all().item<bool>());
}

TEST_CASE("laplace_like: has the moments of a Laplace distribution of scale 1, and no sign says how far") {
  const at::Tensor z = laplace_like(at::empty({200, 1000}), first_rows(200), {.seed = 3}).to(at::kDouble);
  // Within 4.5 standard errors of 200,000 draws: |z| is exponential, E|z|^k = k!.
  const double unit = 4.5 / std::sqrt(200000.0);
  CHECK(std::abs(z.mean().item<double>()) < unit * std::sqrt(2.0));
  CHECK(std::abs(z.abs().mean().item<double>() - 1) < unit);
  CHECK(std::abs(z.pow(2).mean().item<double>() - 2) < unit * std::sqrt(20.0));
  CHECK(std::abs(z.pow(3).mean().item<double>()) < unit * std::sqrt(720.0));
  CHECK(z.abs().gt(3).to(at::kDouble).mean().item<double>() == doctest::Approx(std::exp(-3)).epsilon(0.05));
  CHECK(std::abs(z.sign().mul(z.abs().sub(1)).mean().item<double>()) < unit);
  CHECK(std::abs(z.slice(1, 0, 1000, 2).mul(z.slice(1, 1, 1000, 2)).mean().item<double>()) < unit * std::sqrt(8.0));
  CHECK(z.isfinite().all().item<bool>());
}

TEST_CASE("draws: leave the global generator alone") {
  const at::Generator& generator = at::detail::getDefaultCPUGenerator();
  const at::Tensor before = generator.get_state();
  (void)uniform_like(at::empty({4, 4}), first_rows(4), {});
  (void)normal_like(at::empty({4, 4}), first_rows(4), {});
  CHECK(at::equal(generator.get_state(), before));
}

TEST_CASE("draws: no samples give no numbers") {
  CHECK(uniform_like(at::empty({0, 3, 2}), first_rows(0), {}).sizes() == at::IntArrayRef{0, 3, 2});
  CHECK(normal_like(at::empty({0, 3}), first_rows(0), {}).numel() == 0);
}

TEST_CASE("draws: a row, a restart or a number of rows out of range is named") {
  const at::Tensor like = at::empty({2, 3});
  CHECK_THROWS_WITH_AS((void)uniform_like(like, row_numbers({0, -1}), {}), doctest::Contains("got -1"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)uniform_like(like, row_numbers({0, std::int64_t{1} << 48}), {}),
                       doctest::Contains("got 281474976710656"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)uniform_like(like, first_rows(2), {.restart = 65536}), doctest::Contains("got 65536"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)normal_like(like, first_rows(3), {}), doctest::Contains("per sample (2), got 3"),
                       std::invalid_argument);
}
