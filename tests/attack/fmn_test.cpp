#include <redoubt/attack/fmn.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "minimal_tasks.hpp"

using redoubt::fmn;
using redoubt::fmn_options;
using redoubt::l0;
using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::testing::count;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::net_task;
using redoubt::testing::predictions;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(fmn{linf{.radius = 0.1}}), fmn<linf>>);
static_assert(std::is_same_v<decltype(fmn{l2{.radius = 1}, {.steps = 20}}), fmn<l2>>);
static_assert(std::is_same_v<decltype(fmn{l0{.count = 3}}), fmn<l0>>);

namespace {

at::Tensor ones_like_labels(const at::Tensor& x) {
  return at::ones({x.size(0)}, at::kLong);
}

}  // namespace

// The optimum.

TEST_CASE("fmn: over a linear classifier the distance is the margin over the weights' dual norm") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.25F, 3.0F, -1.0F, 1.0F});
  const at::Tensor x = uniform({40, 6}, 1, 0.45, 0.55);
  const auto model = two_class(w, 0.1);
  const at::Tensor gap = x.mv(w).add(0.1).clamp_min(0);
  const auto check = [&](const auto& ball, const at::Tensor& dual) {
    const auto result = fmn{ball}.minimal(model, x, ones_like_labels(x));
    CHECK(result.found.all().template item<bool>());
    const at::Tensor optimum = gap.div(dual);
    CHECK(result.distance.ge(optimum.mul(1 - 1e-5)).all().template item<bool>());
    CHECK(result.distance.le(optimum.mul(1.005)).all().template item<bool>());
    CHECK(at::allclose(ball.length(result.points.sub(x)), result.distance, 1e-6, 0));
    CHECK(count(predictions(model, result.points).ne(1)) == 40);
  };
  check(linf{0}, w.norm(1));
  check(l2{0}, w.norm(2));
  check(l1{0}, w.abs().max());
}

TEST_CASE("fmn: over l0 it moves as few elements as a linear classifier needs, those that gain most") {
  const std::int64_t inputs = 30;
  const at::Tensor w = uniform({inputs, 1}, 2, -1, 1).flatten();
  const at::Tensor x = uniform({40, inputs}, 3);
  // What each element can take off the margin: to the end of the box that its weight points away from.
  const at::Tensor gain = at::zeros_like(w).gt(w).to(at::kFloat).sub(x).mul(w).neg();
  const at::Tensor most = std::get<0>(gain.sort(1, true)).cumsum(1);
  const double bias = 3;
  const auto model = two_class(w, bias);
  const at::Tensor margin = x.mv(w).add(bias).unsqueeze(1);
  const at::Tensor needed = most.le(margin).sum(1).add(margin.squeeze(1).gt(0));
  REQUIRE(needed.max().item<std::int64_t>() < inputs);
  const auto result = fmn{l0{0}}.minimal(model, x, ones_like_labels(x));
  CHECK(result.found.all().item<bool>());
  CHECK(result.distance.ge(needed).all().item<bool>());
  CHECK(count(result.distance.eq(needed)) >= 36);
  CHECK(at::equal(result.points.ne(x).sum(1).to(at::kFloat), result.distance));
  const auto within = fmn{l0{needed.sub(1).clamp_min(0).to(at::kFloat)}}.run(model, x, ones_like_labels(x));
  CHECK(at::equal(within.fooled, needed.eq(0)));
}

TEST_CASE("fmn: where the box is in the way it comes within 3 % of the nearest point, found by bisection") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.25F, 3.0F, -1.0F, 1.0F});
  const at::Tensor x = uniform({40, 6}, 1);
  // The boundary is at 60 % of what the box allows.
  const at::Tensor corner = w.lt(0).to(at::kFloat);
  const double reachable = 0.6;
  const at::Tensor bias = x.mv(w).mul(reachable - 1).sub(corner.dot(w), reachable);
  const auto model = [&](const at::Tensor& point) { return at::stack({at::zeros({40}), point.mv(w).add(bias)}, 1); };
  const auto check = [&](const auto& ball, const auto& at_distance) {
    // The least length whose best point of ball and box crosses the boundary.
    at::Tensor low = at::zeros({40, 1});
    at::Tensor high = at::full({40, 1}, 50.0);
    for (int i = 0; i < 50; ++i) {
      const at::Tensor middle = low.add(high).div(2);
      const at::Tensor crossed = at_distance(middle).mv(w).add(bias).le(0).unsqueeze(1);
      high = middle.where(crossed, high);
      low = low.where(crossed, middle);
    }
    const at::Tensor optimum = ball.length(at_distance(high).sub(x));
    const auto result = fmn{ball, {.steps = 200}}.minimal(model, x, ones_like_labels(x));
    REQUIRE(result.found.all().template item<bool>());
    CHECK(result.distance.div(optimum).max().template item<double>() < 1.03);
    CHECK(result.distance.div(optimum).min().template item<double>() > 1 - 1e-4);
    CHECK(largest(result.points.clamp(0, 1).sub(result.points)) == 0);
  };
  check(linf{0}, [&](const at::Tensor& t) { return x.sub(w.sign().mul(t)).clamp(0, 1); });
  check(l2{0}, [&](const at::Tensor& t) { return x.sub(w.mul(t)).clamp(0, 1); });
}

TEST_CASE("fmn: on a curved net no ball a fifth smaller holds a point that PGD finds") {
  const auto given = net_task::make(3, 40);
  const auto check = [&](const auto& ball) {
    const auto result = fmn{ball, {.restarts = 3}}.minimal(given.net, given.x, given.y);
    CHECK(count(result.found) == 40);
    CHECK(count(given.fooled(result.points)) == 40);
    const at::Tensor radii = result.distance.mul(0.8);
    const redoubt::pgd attack{redoubt::with_radius(ball, radii),
                              {.step = radii.div(10), .steps = 40, .restarts = 5, .loss = redoubt::margin{}}};
    CHECK(count(given.fooled(attack(given.net, given.x, given.y))) <= 1);
  };
  check(linf{0});
  check(l2{0});
  check(l1{0});
}

TEST_CASE("fmn: more restarts find nothing farther, and now and then something nearer") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  std::int64_t nearer = 0;
  for (std::uint64_t trial = 0; trial < 5; ++trial) {
    const auto given = net_task::make(seed + 100 * trial);
    const auto distance = [&](int restarts) {
      return fmn{l2{0}, {.steps = 10, .seed = trial, .restarts = restarts}}
          .minimal(given.net, given.x, given.y)
          .distance;
    };
    const at::Tensor one = distance(1);
    const at::Tensor three = distance(3);
    CHECK(three.le(one).all().item<bool>());
    nearer += count(three.lt(one.mul(0.99)));
  }
  CHECK(nearer > 0);
}

// The two calls.

TEST_CASE("fmn: within a ball it gives the minimal points inside it and x elsewhere, also when it stops early") {
  const auto given = net_task::make(4, 60);
  const auto check = [&](const auto& unit) {
    const auto minimal = fmn{unit}.minimal(given.net, given.x, given.y);
    const double radius = minimal.distance.median().template item<double>();
    const auto ball = redoubt::with_radius(unit, radius);
    const auto result = fmn{ball}.run(given.net, given.x, given.y);
    const at::Tensor inside = minimal.distance.le(radius);
    CHECK(count(inside) >= 30);
    CHECK(at::equal(result.fooled, inside));
    CHECK(at::equal(result.adversarial, minimal.points.where(inside.unsqueeze(1), given.x)));
    CHECK(at::equal(given.fooled(result.adversarial), inside));

    redoubt::testing::counting model{given.net};
    const auto dropped = fmn{ball, {.drop_fooled = true}}.run(model, given.x, given.y);
    CHECK(at::equal(dropped.fooled, inside));
    CHECK(at::equal(given.fooled(dropped.adversarial), inside));
    CHECK(ball.length(dropped.adversarial.sub(given.x)).max().template item<double>() <= radius);
    CHECK(model.samples() < 60 * 101 * 3 / 4);
  };
  check(linf{0});
  check(l2{0});
  check(l1{0});
  check(l0{0});
}

TEST_CASE("fmn: targeted, it gives the nearest points of the target's class") {
  const auto given = net_task::make(9);
  const at::Tensor target = given.y.add(1).remainder(4);
  const auto untargeted = fmn{l2{0}, {.restarts = 3}}.minimal(given.net, given.x, given.y);
  const auto result = fmn{l2{0}, {.targeted = true}}.minimal(given.net, given.x, target);
  CHECK(count(result.found) > 30);
  CHECK(at::equal(predictions(given.net, result.points).eq(target), result.found));
  CHECK(result.distance.ge(untargeted.distance.mul(0.9)).all().item<bool>());
}

TEST_CASE("fmn: a sample that fools the model as it is lies at distance 0 and leaves after one look") {
  const auto given = net_task::make(5);
  const at::Tensor wrong = given.y.add(1).remainder(4);
  redoubt::testing::counting model{given.net};
  const auto result = fmn{linf{0.1}}.minimal(model, given.x, wrong);
  CHECK(model.batches.size() == 1);
  CHECK(at::equal(result.points, given.x));
  CHECK(largest(result.distance) == 0);
  CHECK(result.found.all().item<bool>());

  const at::Tensor mixed = given.y.where(first_rows(40).lt(20), wrong);
  model.batches.clear();
  (void)fmn{linf{0.1}, {.steps = 10}}.minimal(model, given.x, mixed);
  std::vector<std::int64_t> expected(11, 20);
  expected[0] = 40;
  CHECK(model.batches == expected);
}

// What it promises whatever the input.

TEST_CASE("fmn: a sample's outcome is the same in any batch, order, and company") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::testing::check_company<linf, l2, l1, l0>(seed, [](const auto& ball, std::uint64_t draws) {
    return fmn{ball,
               {.steps = 5 + static_cast<int>(draws % 20),
                .seed = draws,
                .restarts = 1 + static_cast<int>(draws % 2),
                .drop_fooled = draws % 3 == 0}};
  });
}

TEST_CASE("fmn: shapes, types and boxes that are out of the ordinary") {
  redoubt::testing::check_unusual_inputs<linf, l2, l1>([](const auto& ball, const redoubt::box& box) {
    return fmn{ball, {.steps = 30, .box = box, .restarts = 2}};
  });
}

TEST_CASE("fmn: a constant model is never fooled: x comes back, at no distance, and the gradient's zero is told") {
  const auto model = [](const at::Tensor& x) {
    return at::stack({x.flatten(1).sum(1).mul(0), at::ones({x.size(0)})}, 1);
  };
  const at::Tensor x = uniform({3, 4}, 1);
  const auto result = fmn{linf{0.1}, {.steps = 5, .restarts = 2}}.minimal(model, x, ones_like_labels(x));
  CHECK(count(result.found) == 0);
  CHECK(at::equal(result.points, x));
  CHECK(result.distance.isinf().all().item<bool>());
  CHECK(count(result.zero_gradient) == 3);
}

TEST_CASE("fmn: a model that answers NaN beyond a line is fooled there, and the rest goes on") {
  const auto model = [](const at::Tensor& x) {
    const at::Tensor logits = two_class(at::tensor({1.0F, 1.0F}), -0.2)(x);
    return logits.masked_fill(x.select(1, 0).gt(0.55).unsqueeze(1), std::numeric_limits<double>::quiet_NaN());
  };
  const at::Tensor x = at::tensor({0.3F, 0.3F, 0.9F, 0.9F}).view({2, 2});
  for (const bool targeted : {false, true}) {
    const at::Tensor y = targeted ? at::zeros({2}, at::kLong) : ones_like_labels(x);
    const auto result = fmn{linf{0.1}, {.targeted = targeted}}.minimal(model, x, y);
    CHECK(result.points.isfinite().all().item<bool>());
    CHECK(result.distance[0].item<double>() == doctest::Approx(0.2).epsilon(0.01));
    CHECK(result.found[1].item<bool>() != targeted);
  }
}

TEST_CASE("fmn: options out of range are named") {
  const at::Tensor x = at::full({2, 3}, 0.5);
  const auto model = two_class(at::ones({3}));
  const auto refused = [&](const linf& ball, const fmn_options& options, const char* message) {
    CHECK_THROWS_WITH_AS((void)(fmn{ball, options}(model, x, ones_like_labels(x))), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(linf{-0.1}, {}, "fmn: the ball's radius must be finite and not negative, got -0.1");
  refused(linf{at::ones({3})}, {}, "fmn: the ball's radius must be a number or one per sample [2]");
  refused(linf{0.1}, {.steps = 0}, "fmn: steps must be at least 1, got 0");
  refused(linf{0.1}, {.step = 0}, "fmn: step must be finite and positive, got 0");
  refused(linf{0.1}, {.gamma = 1}, "fmn: gamma must lie in (0, 1), got 1");
  refused(linf{0.1}, {.restarts = 0}, "fmn: restarts must lie in [1, 65535], got 0");
  refused(linf{0.1}, {.box = {0.6, 1}}, "fmn: the input must lie in the box [0.6, 1], but spans [0.5, 0.5]");
  CHECK_THROWS_WITH_AS((void)fmn{linf{0.1}}(model, x, at::full({2}, 2, at::kLong)),
                       doctest::Contains("fmn: labels must lie in [0, 2)"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(
      (void)fmn{linf{0.1}}([&](const at::Tensor& point) { return model(point).detach(); }, x, ones_like_labels(x)),
      doctest::Contains("fmn: the model has no gradient"), std::invalid_argument);
}
