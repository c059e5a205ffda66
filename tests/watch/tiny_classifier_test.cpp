#include <redoubt/watch/tiny_classifier.hpp>

#include <doctest/doctest.h>

#include <ATen/ATen.h>

#include <cmath>
#include <cstring>
#include <redoubt/core/random.hpp>
#include <stdexcept>

using redoubt::tiny_classifier;

namespace {

at::Tensor gaussian(std::int64_t samples, std::int64_t width, double mean, std::uint64_t seed) {
  return redoubt::normal_like(at::empty({samples, width}), at::arange(samples), {.seed = seed}).add(mean);
}

double share(const at::Tensor& which) {
  return which.to(at::kDouble).mean().item<double>();
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.nbytes() == b.nbytes() && std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

}  // namespace

TEST_CASE("tiny_classifier separates two Gaussians as well as the best rule there is, to a point") {
  // N(-m, I) and N(m, I) in two dimensions: the best rule is right with Phi(|m|).
  const double m = 0.8;
  const auto model = tiny_classifier::fit(gaussian(2000, 2, -m, 1), gaussian(2000, 2, m, 2), {.epochs = 15});
  const double best = 0.5 * std::erfc(-m * std::sqrt(2.) / std::sqrt(2.));
  const double right =
      (share(model(gaussian(20000, 2, -m, 3)).lt(0)) + share(model(gaussian(20000, 2, m, 4)).gt(0))) / 2;
  CAPTURE(best);
  CHECK(right > best - 0.01);
  CHECK(right < best + 0.01);
}

TEST_CASE("tiny_classifier's logit is the log-likelihood ratio, though one class is ten times the other") {
  const double m = 0.7;
  for (const bool few_positives : {true, false}) {
    CAPTURE(few_positives);
    const auto model = tiny_classifier::fit(gaussian(few_positives ? 5000 : 500, 2, -m, 1),
                                            gaussian(few_positives ? 500 : 5000, 2, m, 2), {.epochs = 10});
    const at::Tensor x = gaussian(4000, 2, 0, 3);
    const at::Tensor ratio = x.sum(1).mul(2 * m);  // of the two densities, in closed form
    const at::Tensor error = model(x).sub(ratio).masked_select(ratio.abs().lt(2));
    CHECK(std::abs(error.mean().item<double>()) < 0.25);  // an unbalanced prior would be log(10) = 2.3 off
    CHECK(error.abs().mean().item<double>() < 0.35);
  }
}

TEST_CASE("tiny_classifier learns what no line separates") {
  const at::Tensor inside = gaussian(1500, 2, 0, 5).mul(0.5);
  const at::Tensor drawn = gaussian(1500, 2, 0, 6);
  const at::Tensor outside = drawn.div(drawn.norm(2, 1, true)).mul(3).add(gaussian(1500, 2, 0, 7).mul(0.3));
  const auto model = tiny_classifier::fit(inside, outside);
  CHECK(share(model(inside).lt(0)) > 0.97);
  CHECK(share(model(outside).gt(0)) > 0.97);
}

TEST_CASE("tiny_classifier takes features of any scale, also one that never moves") {
  const at::Tensor scale = at::tensor({1e-4F, 1e5F, 1.F});
  const auto scaled = [&](double mean, std::uint64_t seed) {
    at::Tensor x = gaussian(1000, 3, mean, seed).mul(scale).add(scale * 20);
    x.select(1, 2).fill_(7);
    return x;
  };
  const auto model = tiny_classifier::fit(scaled(-1, 1), scaled(1, 2), {.epochs = 15});
  const at::Tensor logits = model(scaled(1, 3));
  CHECK(logits.isfinite().all().item<bool>());
  CHECK(share(logits.gt(0)) > 0.88);  // Phi(sqrt(2)) = 0.921
}

TEST_CASE("tiny_classifier: the same seed gives the same bits, another one another classifier") {
  const at::Tensor negative = gaussian(300, 4, -1, 1);
  const at::Tensor positive = gaussian(200, 4, 1, 2);
  const at::Tensor x = gaussian(50, 4, 0, 3);
  const auto fit = [&](std::uint64_t seed) {
    return tiny_classifier::fit(negative, positive, {.epochs = 5, .seed = seed})(x);
  };
  const at::Tensor first = fit(1);
  CHECK(same_bits(fit(1), first));
  CHECK_FALSE(same_bits(fit(2), first));
}

TEST_CASE("tiny_classifier leaves the global generator, the features and the grad mode as they were") {
  const at::Tensor negative = gaussian(100, 4, -1, 1);
  const at::Tensor before = negative.clone();
  at::manual_seed(5);
  const at::Tensor expected = at::rand({4});
  at::manual_seed(5);
  const at::NoGradGuard no_gradient;
  const auto model = tiny_classifier::fit(negative, gaussian(100, 4, 1, 2), {.epochs = 2});
  const at::Tensor logits = model(negative);
  CHECK_FALSE(at::GradMode::is_enabled());
  CHECK_FALSE(logits.requires_grad());
  CHECK(same_bits(at::rand({4}), expected));
  CHECK(same_bits(negative, before));
}

TEST_CASE("tiny_classifier: a logit depends on its own row alone, to a rounding") {
  const auto model = tiny_classifier::fit(gaussian(100, 4, -1, 1), gaussian(100, 4, 1, 2), {.epochs = 2});
  const at::Tensor x = gaussian(10, 4, 0, 3);
  const at::Tensor all = model(x);
  REQUIRE(all.dim() == 1);
  for (std::int64_t i = 0; i < 10; ++i) {
    CHECK(model(x.narrow(0, i, 1)).item<double>() == doctest::Approx(all[i].item<double>()).epsilon(1e-4));
  }
}

TEST_CASE("tiny_classifier refuses samples that do not match, and options out of range") {
  CHECK_THROWS_WITH_AS(static_cast<void>(tiny_classifier::fit(at::zeros({5, 3}), at::zeros({5, 4}))),
                       "tiny_classifier: needs features [N, F] and [M, F] of both classes, got [5, 3] and [5, 4]",
                       std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(tiny_classifier::fit(at::zeros({1, 3}), at::zeros({5, 3}))), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(tiny_classifier::fit(at::zeros({5}), at::zeros({5}))), std::invalid_argument);
  const at::Tensor rows = at::eye(5);
  CHECK_THROWS_WITH_AS(static_cast<void>(tiny_classifier::fit(rows, rows, {.batch = 0})),
                       "tiny_classifier: hidden, epochs and batch must be at least 1, got 32, 40 and 0",
                       std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(tiny_classifier::fit(rows, rows, {.learning_rate = 0})), std::invalid_argument);
}
