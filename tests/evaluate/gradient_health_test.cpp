#include <redoubt/evaluate/gradient_health.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "../models.hpp"

using redoubt::gradient_health;
using redoubt::health_report;
using redoubt::linf;
using redoubt::testing::normal;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::uniform;

namespace {

const smooth_net net = smooth_net::make(16, 4, 3);
const at::Tensor x = uniform({200, 16}, 13);
const at::Tensor y = predictions(net, x);

bool warns_of(const health_report& report, const std::string& words) {
  for (const std::string& warning : report.warnings) {
    if (warning.find(words) != std::string::npos) {
      return true;
    }
  }
  return false;
}

/// The net's logits, with the gradient of another function.
at::Tensor with_gradient_of(const at::Tensor& logits, const at::Tensor& other) {
  return logits.detach().add(other).sub(other.detach());
}

}  // namespace

TEST_CASE("gradient_health: a smooth net gives no warning, over any ball") {
  for (const double radius : {0.01, 0.03, 0.1}) {
    CAPTURE(radius);
    CHECK(gradient_health{linf{radius}}(net, x, y).warnings.empty());
    CHECK(gradient_health{redoubt::l2{3 * radius}}(net, x, y).warnings.empty());
    CHECK(gradient_health{redoubt::l1{6 * radius}}(net, x, y).warnings.empty());
  }
}

TEST_CASE("gradient_health: the figures of a linear model are known in closed form") {
  const at::Tensor w = at::tensor({1.0F, -1.0F, 2.0F, 0.5F});
  const at::Tensor points = uniform({100, 4}, 1, 0.4, 0.6);
  const auto model = redoubt::testing::two_class(w, -1);
  const at::Tensor label = predictions(model, points);
  const health_report found = gradient_health{linf{0.02}, {.samples = 100}}(model, points, label);
  // A step of r takes r * ||w||_1 off the margin, and no attack takes more.
  const at::Tensor margin = at::matmul(points, w).sub(1).abs();
  const auto left = [&](double radius) { return margin.gt(radius * 4.5).to(at::kDouble).mean().item<double>(); };
  CHECK(found.samples == 100);
  CHECK(found.fgsm == doctest::Approx(left(0.02)));
  CHECK(found.fgsm_half == doctest::Approx(left(0.01)));
  CHECK(found.fgsm_quarter == doctest::Approx(left(0.005)));
  CHECK(found.pgd == doctest::Approx(left(0.02)));
  CHECK(found.restarted == doctest::Approx(left(0.02)));
  CHECK(found.queried == doctest::Approx(left(0.02)));
  CHECK(found.cosine == doctest::Approx(1));
  CHECK(found.zero_gradients == 0);
  CHECK(found.saturated == 0);
  CHECK_FALSE(found.randomised);
  CHECK(found.warnings.empty());
}

TEST_CASE("gradient_health: logits a thousand times as large are saturated, and their gradients are zero") {
  const auto model = [](const at::Tensor& points) { return net(points).mul(1e4); };
  const health_report found = gradient_health{linf{0.05}}(model, x, y);
  CHECK(found.zero_gradients > 0.5);
  CHECK(found.saturated > 0.5);
  CHECK(warns_of(found, "a gradient of exactly zero"));
  CHECK(warns_of(found, "rounds to 1"));
}

TEST_CASE("gradient_health: where no sample has a gradient, nothing is said of its direction") {
  const auto model = [](const at::Tensor& points) { return net(points).mul(0); };
  const health_report found = gradient_health{linf{0.05}}(model, x, at::zeros({x.size(0)}, at::kLong));
  CHECK(found.zero_gradients == 1);
  CHECK(found.cosine == 1);
  CHECK(found.warnings.size() == 1);
}

TEST_CASE("gradient_health: a model with the gradient of another is found out by queries") {
  const at::Tensor elsewhere = normal({4, 16}, 77);
  const auto model = [&](const at::Tensor& points) {
    return with_gradient_of(net(points), at::matmul(points, elsewhere.t()));
  };
  const health_report found = gradient_health{linf{0.1}}(model, x, y);
  CHECK(found.queried < found.restarted - 0.1);
  CHECK(warns_of(found, "fifty queries without gradients"));
}

TEST_CASE("gradient_health: what queries is the caller's to choose") {
  const auto fools_all = [](auto&& /*model*/, const at::Tensor& points, const at::Tensor& /*labels*/,
                            const at::Tensor& /*rows*/) { return points.mul(0); };
  const auto model = [](const at::Tensor& points) { return with_gradient_of(net(points), points.narrow(1, 0, 4)); };
  const at::Tensor zero = predictions(net, at::zeros({1, 16})).expand({200});
  const at::Tensor others = zero.ne(y).nonzero().squeeze(1);
  const health_report found = gradient_health{linf{0.01}, {.black_box = redoubt::any_attack{fools_all}}}(
      model, x.index_select(0, others), y.index_select(0, others));
  CHECK(found.queried == 0);
}

TEST_CASE("gradient_health: gradients that point the wrong way make one step stronger than ten, or a smaller one") {
  // Near the sample the gradient leads away from the boundary, half a radius out it leads to it.
  const auto uphill_at_first = [&](const at::Tensor& points) {
    const at::Tensor away = points.detach().sub(0.5).abs().amax(1, true).lt(0.02).to(at::kFloat);
    const at::Tensor logits = at::cat({points.mean(1, true).sub(0.5), points.new_zeros({points.size(0), 1})}, 1);
    return with_gradient_of(logits, logits.mul(away.mul(-2).add(1)));
  };
  const at::Tensor centre = at::full({20, 16}, 0.505);
  const at::Tensor label = at::zeros({20}, at::kLong);
  const health_report found = gradient_health{linf{0.1}}(uphill_at_first, centre, label);
  CHECK(found.fgsm == 1);
  CHECK(found.pgd < 0.5);
  CHECK(warns_of(found, "ten steps fool far more than one"));

  // The boundary is crossed and crossed back within the radius.
  const auto island = [](const at::Tensor& points) {
    const at::Tensor mean = points.mean(1, true);
    const at::Tensor beyond = mean.detach().lt(0.42).to(at::kFloat);
    return at::cat({mean.sub(0.47).mul(beyond.mul(-2).add(1)), points.new_zeros({points.size(0), 1})}, 1);
  };
  CHECK(warns_of(gradient_health{linf{0.1}}(island, at::full({20, 16}, 0.5), label), "a smaller radius fools more"));
}

TEST_CASE("gradient_health: samples that a longer step puts right again are noticed where no accuracy rises") {
  // The first element, which has no gradient, says how far below the sample its strip of the other class lies: at each
  // radius some samples are in theirs, and each is out of it again further on.
  const auto strips = [](const at::Tensor& points) {
    const at::Tensor below = points.narrow(1, 1, 15).mean(1, true).neg().add(0.5);
    const at::Tensor inside = below.detach().sub(points.narrow(1, 0, 1).detach()).abs().lt(0.016).to(at::kFloat);
    return at::cat({below.neg().add(1).mul(inside.mul(-2).add(1)), points.new_zeros({points.size(0), 1})}, 1);
  };
  at::Tensor centre = at::full({120, 16}, 0.5);
  centre.select(1, 0).copy_(at::linspace(0.03, 0.15, 120));
  const health_report found = gradient_health{linf{0.1}}(strips, centre, at::zeros({120}, at::kLong));
  CHECK(found.crossed == 1);
  CHECK(found.returned == 1);
  CHECK(found.fgsm == doctest::Approx(88.0 / 120).epsilon(0.02));
  CHECK(warns_of(found, "right again after a longer one"));
  CHECK_FALSE(warns_of(found, "a smaller radius fools more"));
}

TEST_CASE("gradient_health: gradients that have nothing in common with those next to them are noticed") {
  const at::Tensor weight = normal({4, 16}, 77);
  const auto model = [&](const at::Tensor& points) {
    return with_gradient_of(net(points), at::matmul(points.mul(1e5).cos().div(1e5), weight.t()));
  };
  const health_report found = gradient_health{linf{0.02}}(model, x, y);
  CHECK(found.cosine < 0.2);
  CHECK(warns_of(found, "says little of the gradient next to it"));
}

TEST_CASE("gradient_health: each limit is one that the figures go over, not one that they reach") {
  const auto warnings_for = [](health_report found) {
    found.samples = 256;
    redoubt::detail::add_health_warnings(found, /*one_step_is_strong=*/true);
    return found.warnings.size();
  };
  using limits = redoubt::detail::health_limits;
  CHECK(warnings_for({}) == 0);
  CHECK(warnings_for({.zero_gradients = limits::zero_gradients}) == 0);
  CHECK(warnings_for({.zero_gradients = limits::zero_gradients + 0.01}) == 1);
  CHECK(warnings_for({.saturated = limits::saturated}) == 0);
  CHECK(warnings_for({.saturated = limits::saturated + 0.01}) == 1);
  CHECK(warnings_for({.restarted = 0.82, .queried = 0.82}) == 1);
  CHECK(warnings_for({.restarted = 0.84, .queried = 0.84}) == 0);
  CHECK(warnings_for({.queried = 0.96}) == 0);
  CHECK(warnings_for({.queried = 0.94}) == 1);
  CHECK(warnings_for({.fgsm = 0.94, .fgsm_half = 0.94, .fgsm_quarter = 0.94}) == 1);
  CHECK(warnings_for({.fgsm_half = 0.96}) == 1);
  CHECK(warnings_for({.fgsm_half = 0.98}) == 0);
  CHECK(warnings_for({.pgd = 0.66, .restarted = 0.66, .queried = 0.66}) == 0);
  CHECK(warnings_for({.pgd = 0.64, .restarted = 0.64, .queried = 0.64}) == 1);
  // Some return on every model that is far beyond the radius it withstands: few of those that are fooled.
  CHECK(warnings_for({.crossed = 0.2, .returned = 0.02}) == 0);
  CHECK(warnings_for({.crossed = 0.2, .returned = 0.04}) == 1);
  CHECK(warnings_for({.crossed = 0.8, .returned = 0.04}) == 0);
  // A low cosine is a sign where one step and ten differ, or where it is next to nothing and accuracy is left to doubt.
  CHECK(warnings_for({.cosine = 0.5}) == 0);
  CHECK(warnings_for({.pgd = 0.92, .restarted = 0.92, .queried = 0.92, .cosine = 0.5}) == 1);
  CHECK(warnings_for({.pgd = 0.92, .restarted = 0.92, .queried = 0.92, .cosine = 0.65}) == 0);
  CHECK(warnings_for({.cosine = 0.2}) == 1);
  CHECK(warnings_for({.fgsm = 0.1, .fgsm_half = 0.5, .pgd = 0.05, .restarted = 0.05, .queried = 0.05, .cosine = 0.2}) ==
        0);
}

TEST_CASE("gradient_health: a model that answers otherwise each time is noticed") {
  std::uint64_t call = 0;
  const auto model = [&](const at::Tensor& points) {
    return net(points).add(normal({points.size(0), 4}, ++call).mul_(1e-3));
  };
  const health_report found = gradient_health{linf{0.01}, {.eot = 2}}(model, x, y);
  CHECK(found.randomised);
  CHECK(warns_of(found, "otherwise each time"));
}

TEST_CASE("gradient_health: probes what the model gets right, no more than asked, and nothing where that is nothing") {
  CHECK(gradient_health{linf{0.01}, {.samples = 50}}(net, x, y).samples == 50);
  const at::Tensor half = at::cat({y.narrow(0, 0, 100), y.narrow(0, 100, 100).add(1).remainder(4)});
  CHECK(gradient_health{linf{0.01}}(net, x, half).samples == 100);
  const health_report none = gradient_health{linf{0.01}}(net, x, y.add(1).remainder(4));
  CHECK(none.samples == 0);
  CHECK(none.warnings.empty());
  CHECK(gradient_health{linf{0.01}}(net, x.narrow(0, 0, 0), y.narrow(0, 0, 0)).samples == 0);
  CHECK_THROWS_WITH_AS((void)(gradient_health{linf{0.01}, {.samples = 0}}(net, x, y)),
                       doctest::Contains("samples must be at least 1, got 0"), std::invalid_argument);
}

TEST_CASE("gradient_health: as a probe its warnings join those of the evaluation") {
  const at::Tensor elsewhere = normal({4, 16}, 77);
  const auto model = [&](const at::Tensor& points) {
    return with_gradient_of(net(points), at::matmul(points, elsewhere.t()));
  };
  const redoubt::robustness report =
      redoubt::robust_accuracy(redoubt::fgsm{linf{0.1}}, model, x, y, {.probe = gradient_health{linf{0.1}}});
  CHECK(report.health.samples == 200);
  CHECK(report.warnings.size() >= 1);
  CHECK(report.warnings == report.health.warnings);
}
