#include <redoubt/evaluate/certify.hpp>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "../nn_models.hpp"

using redoubt::certify;
using redoubt::smoothed_prediction;
using redoubt::smoothing_options;
using redoubt::testing::count;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

namespace {

at::Tensor ones(std::int64_t count) {
  return at::ones({count}, at::kLong);
}

/// Points of the line at these distances from the boundary of `step_at_zero`, on the side of label 1.
at::Tensor points(const std::vector<double>& distances) {
  return at::tensor(distances).to(at::kFloat).unsqueeze(1);
}

/// One number a sample: class 1 above 0, class 0 below.
at::Tensor step_at_zero(const at::Tensor& x) {
  return at::cat({x.neg(), x}, 1);
}

}  // namespace

TEST_CASE("certify: a linear classifier's radius is the distance from its boundary, from below and nearly") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.25F, 3.0F, -1.0F, 1.0F});
  const at::Tensor x = uniform({40, 6}, 1);
  const auto model = two_class(w, -0.2);
  const at::Tensor gap = x.mv(w).sub(0.2);
  const at::Tensor distance = gap.abs().div(w.norm()).to(at::kDouble);
  const at::Tensor y = gap.gt(0).to(at::kLong);
  const double sigma = 0.25;
  const auto result = certify(model, x, y, {.sigma = sigma, .n = 4000, .batch = 2000});
  CHECK(at::equal(result.correct, result.predicted.eq(y)));
  // With probability 0.999 each: none of 40 is above.
  CHECK(result.radius.le(distance).all().item<bool>());
  // What 4000 draws leave: five standard deviations of the estimate, at the slope of the quantile; all agreeing, they
  // bear out a probability of 0.001^(1/4000).
  const at::Tensor z = distance.div(sigma);
  const at::Tensor p = z.div(std::sqrt(2.0)).neg().erfc().div(2);
  const at::Tensor density = z.square().div(-2).exp().div(std::sqrt(2 * 3.14159265358979));
  const at::Tensor least = z.sub(p.mul(p.sub(1).neg()).div(4000).sqrt().mul(7).div(density)).clamp_max(2.5).mul(sigma);
  CHECK(result.radius.ge(least).all().item<bool>());
  CHECK(result.radius.max().item<double>() <= sigma * redoubt::normal_quantile(std::pow(0.001, 1 / 4000.0)) + 1e-9);
  CHECK(count(result.correct) > 30);
  CHECK(result.accuracy_at(0) == doctest::Approx(static_cast<double>(count(result.correct)) / 40));
  const double middle = distance.median().item<double>();
  CHECK(result.accuracy_at(middle) <= 0.5);
  CHECK(result.accuracy_at(0.8 * middle) > 0.3);
  CHECK(result.accuracy_at(10) == 0);
}

TEST_CASE("certify: abstains on a tie, with no radius, and that is not correct") {
  const auto result = certify(step_at_zero, points({0, 0, 0, 0, 0, 2}), ones(6), {.n = 500});
  const at::Tensor tied = result.predicted.narrow(0, 0, 5);
  CHECK(tied.eq(-1).all().item<bool>());
  CHECK(result.radius.narrow(0, 0, 5).eq(0).all().item<bool>());
  CHECK(count(result.correct) == 1);
  CHECK(result.accuracy_at(0) == doctest::Approx(1.0 / 6));
}

TEST_CASE("certify: more draws bear out a larger radius: where all agree, sigma times the quantile of alpha^(1/n)") {
  double before = 0;
  for (const std::int64_t n : {20, 100, 1000, 5000}) {
    for (const double sigma : {0.1, 0.5}) {
      const smoothing_options options{.sigma = sigma, .n0 = 10, .n = n, .alpha = 0.01, .batch = 1000};
      const double radius = certify(step_at_zero, points({50}), ones(1), options).radius.item<double>();
      CHECK(
          radius ==
          doctest::Approx(sigma * redoubt::normal_quantile(std::pow(0.01, 1 / static_cast<double>(n)))).epsilon(1e-9));
      if (sigma == 0.5) {
        CHECK(radius > before);
        before = radius;
      }
    }
  }
}

TEST_CASE("certify: no more than alpha of the certificates are wrong, and not far fewer") {
  // Each row is an experiment of its own.
  const std::int64_t trials = 1500;
  const double alpha = 0.1;
  for (const double distance : {0.1, 0.25}) {
    const auto result = certify(step_at_zero, at::full({trials, 1}, distance), ones(trials),
                                {.n0 = 20, .n = 200, .alpha = alpha, .seed = 5});
    const double wrong = result.radius.gt(distance).to(at::kDouble).mean().item<double>();
    const double spread = std::sqrt(alpha * (1 - alpha) / static_cast<double>(trials));
    CHECK(wrong <= alpha + 3 * spread);
    CHECK(wrong >= alpha / 2);
  }
}

TEST_CASE("certify: neither the batch nor the order nor the company of samples changes a count") {
  const smooth_net net = smooth_net::make(8, 4, 3);
  const at::Tensor x = uniform({6, 2, 4}, 2);
  const at::Tensor y = redoubt::testing::predictions(net, x);
  smoothing_options options{.n0 = 30, .n = 300, .batch = 64, .seed = 9};
  const auto all = certify(net, x, y, options);
  for (const std::int64_t batch : {1, 7, 1000}) {
    options.batch = batch;
    const auto again = certify(net, x, y, options);
    CHECK(at::equal(again.predicted, all.predicted));
    CHECK(at::equal(again.radius, all.radius));
  }
  const at::Tensor order = at::tensor({4, 1, 5}, at::kLong);
  options.rows = order;
  const auto some = certify(net, x.index_select(0, order), y.index_select(0, order), options);
  CHECK(at::equal(some.radius, all.radius.index_select(0, order)));
  options.rows = at::Tensor{};
  options.seed = 10;
  CHECK_FALSE(at::equal(certify(net, x, y, options).radius, all.radius));
}

TEST_CASE("certify: draws are normal, of the deviation asked for, and no draw is used twice") {
  std::vector<at::Tensor> seen;
  const auto model = [&](const at::Tensor& x) {
    seen.push_back(x.clone());
    return at::cat({x.neg(), x}, 1).narrow(1, 0, 2);
  };
  const at::Tensor x = at::full({1, 1}, 3.0);
  (void)certify(model, x, ones(1), {.sigma = 0.5, .n0 = 1000, .n = 4000});
  const at::Tensor noise = at::cat(seen).sub(3).flatten();
  REQUIRE(noise.numel() == 5000);
  CHECK(std::abs(noise.mean().item<double>()) < 4 * 0.5 / std::sqrt(5000.0));
  CHECK(noise.std().item<double>() == doctest::Approx(0.5).epsilon(0.04));
  CHECK(std::get<0>(at::_unique(noise)).numel() > 4990);
}

TEST_CASE("certify: draws whose logits hold a NaN count against the class, and for none") {
  const auto half_nan = [](const at::Tensor& x) {
    return step_at_zero(x.add(100)).masked_fill(x.lt(0), std::numeric_limits<double>::quiet_NaN());
  };
  CHECK(certify(half_nan, points({-1}), ones(1), {.n = 100}).predicted.item<std::int64_t>() == -1);
  // A third of the draws is a NaN: the others bear out 2/3 at most, not 1.
  const auto result = certify(half_nan, points({0.108}), ones(1), {.n = 5000, .batch = 1000});
  CHECK(result.predicted.item<std::int64_t>() == 1);
  CHECK(result.radius.item<double>() < 0.108);
  CHECK(result.radius.item<double>() > 0.09);
}

TEST_CASE("smoothed_prediction: the class where one clearly leads, else none") {
  const smoothing_options options{.n = 400};
  const at::Tensor found = smoothed_prediction(step_at_zero, points({0.2, -0.2, 0, 0, 0}), options);
  CHECK(at::equal(found, at::tensor({1, 0, -1, -1, -1}, at::kLong)));
  // Ten draws that agree have a p-value of 2/1024, nine of 2/512.
  CHECK(smoothed_prediction(step_at_zero, points({9}), {.n = 10, .alpha = 0.002}).item<std::int64_t>() == 1);
  CHECK(smoothed_prediction(step_at_zero, points({9}), {.n = 9, .alpha = 0.002}).item<std::int64_t>() == -1);
}

TEST_CASE("certify: float64 and half inputs; the model runs in eval mode, without gradients, and is left as it was") {
  auto net = redoubt::testing::fragile_nn();
  net.train(true);
  const auto modes = net.modes();
  std::vector<at::Tensor> buffers;
  for (const at::Tensor& buffer : net.buffers()) {
    buffers.push_back(buffer.clone());
  }
  const at::Tensor generator = at::detail::getDefaultCPUGenerator().get_state();
  const at::Tensor x = uniform({5, 6}, 1);
  bool graph = false;
  std::vector<std::int64_t> told;
  const auto result = certify(net, x, ones(5), {.n = 200, .progress = [&](std::int64_t done) {
                                                  graph = graph || at::GradMode::is_enabled();
                                                  told.push_back(done);
                                                }});
  CHECK_FALSE(graph);
  CHECK(told == std::vector<std::int64_t>{1, 2, 3, 4, 5});
  CHECK(net.modes() == modes);
  CHECK(at::equal(generator, at::detail::getDefaultCPUGenerator().get_state()));
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    CHECK(at::equal(net.buffers()[i], buffers[i]));
  }
  net.train(false);
  CHECK(at::equal(certify(net, x, ones(5), {.n = 200}).radius, result.radius));

  for (const at::ScalarType type : {at::kDouble, at::kHalf}) {
    const auto model = [&](const at::Tensor& point) {
      CHECK((point.scalar_type() == type));
      return step_at_zero(point);
    };
    const auto other = certify(model, points({0.3}).to(type), ones(1), {.n = 1000});
    CHECK((other.radius.scalar_type() == at::kDouble));
    CHECK(other.radius.item<double>() == doctest::Approx(0.28).epsilon(0.12));
  }
}

TEST_CASE("certify: what cannot be is named") {
  const at::Tensor x = points({1, 2});
  const auto refused = [&](const at::Tensor& input, const at::Tensor& y, const smoothing_options& options,
                           const char* message) {
    CHECK_THROWS_WITH_AS((void)certify(step_at_zero, input, y, options), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(x, ones(2), {.sigma = 0}, "certify: sigma must be finite and positive, got 0");
  refused(x, ones(2), {.n0 = 0}, "certify: n0 and n must lie in [1, 2^32), got 0 and 10000");
  refused(x, ones(2), {.alpha = 1}, "certify: alpha must lie in (0, 1), got 1");
  refused(x, ones(2), {.batch = 0}, "certify: batch must be at least 1, got 0");
  refused(x, ones(3), {}, "certify: need one int64 label per sample [2], got shape [3]");
  refused(x, at::full({2}, 2, at::kLong), {.n0 = 5}, "certify: labels must lie in [0, 2)");
  refused(x, ones(2), {.rows = ones(3)}, "certify: rows must be one int64 per sample [2]");
  refused(x.narrow(0, 0, 0), ones(0), {}, "certify: needs a floating-point batch [N, ...] with N >= 1");
  refused(x.mul(std::numeric_limits<double>::quiet_NaN()), ones(2), {}, "certify: the input holds a NaN");
}
