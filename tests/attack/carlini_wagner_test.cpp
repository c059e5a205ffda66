#include <redoubt/attack/carlini_wagner.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/norm/l2.hpp>
#include <stdexcept>
#include <vector>

#include "minimal_tasks.hpp"

using redoubt::carlini_wagner;
using redoubt::carlini_wagner_options;
using redoubt::l2;
using redoubt::testing::count;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::net_task;
using redoubt::testing::predictions;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

namespace {

at::Tensor ones_like_labels(const at::Tensor& x) {
  return at::ones({x.size(0)}, at::kLong);
}

const carlini_wagner_options brief{.steps = 60, .search_steps = 6};

}  // namespace

// The optimum.

TEST_CASE("carlini_wagner: over a linear classifier the distance is the margin over the weights' length") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.25F, 3.0F, -1.0F, 1.0F});
  const at::Tensor x = uniform({40, 6}, 1, 0.4, 0.6);
  const auto model = two_class(w, 0.5);
  const at::Tensor optimum = x.mv(w).add(0.5).clamp_min(0).div(w.norm());
  const auto result = carlini_wagner{l2{0}}.minimal(model, x, ones_like_labels(x));
  CHECK(result.found.all().item<bool>());
  CHECK(result.distance.ge(optimum.mul(1 - 1e-5)).all().item<bool>());
  CHECK(result.distance.le(optimum.mul(1.01).add(1e-3)).all().item<bool>());
  CHECK(at::allclose(l2::length(result.points.sub(x)), result.distance, 1e-6, 0));
  CHECK(count(predictions(model, result.points).ne(1)) == 40);
}

TEST_CASE("carlini_wagner: with a confidence the points lead by as much, and lie as much farther") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.25F, 3.0F, -1.0F, 1.0F});
  const at::Tensor x = uniform({20, 6}, 1, 0.4, 0.6);
  const auto model = two_class(w, 0.5);
  const auto result = carlini_wagner{l2{0}, {.confidence = 0.5}}.minimal(model, x, ones_like_labels(x));
  const at::Tensor optimum = x.mv(w).add(1).clamp_min(0).div(w.norm());
  const at::Tensor right = predictions(model, x).eq(1);
  REQUIRE(count(right) > 15);
  CHECK(at::allclose(result.distance.masked_select(right), optimum.masked_select(right), 0.01, 1e-3));
  CHECK(redoubt::margin{}(model(result.points), ones_like_labels(x)).masked_select(right).min().item<double>() > 0.5);
}

TEST_CASE("carlini_wagner: black and white pixels move, and by as much as the nearest point asks for") {
  // Every pixel is at an end of the box, where the change of variables' derivative is 0, and must leave it.
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::Tensor x = uniform({20, 8}, 1).gt(0.5).to(type);
    const at::Tensor inwards = at::ones_like(x).sub(x.mul(2));
    const auto model = [&](const at::Tensor& point) {
      const at::Tensor lead = point.sub(x).mul(inwards).sum(1).sub(1);
      return at::stack({lead, lead.neg()}, 1);
    };
    const auto result = carlini_wagner{l2{0}}.minimal(model, x, ones_like_labels(x));
    REQUIRE(result.found.all().item<bool>());
    CHECK(result.points.sub(x).abs().min().item<double>() > 0.05);
    const double optimum = 1 / std::sqrt(8.0);
    CHECK(result.distance.max().item<double>() < 1.01 * optimum);
    CHECK(result.distance.min().item<double>() > 0.9999 * optimum);
  }
}

TEST_CASE("carlini_wagner: a pixel that need not move stays where it is, to the bit") {
  const at::Tensor x = at::tensor({0.0F, 1.0F, 0.3F, 0.5F}).view({1, 4});
  const auto model = two_class(at::tensor({0.0F, 0.0F, 0.0F, 1.0F}), -0.4);
  const auto result = carlini_wagner{l2{0}}.minimal(model, x, at::ones({1}, at::kLong));
  CHECK(result.distance.item<double>() == doctest::Approx(0.1).epsilon(0.01));
  CHECK(largest(result.points.sub(x).narrow(1, 0, 3)) == 0);
}

// The two calls.

TEST_CASE("carlini_wagner: within a ball it gives the minimal points inside it and x elsewhere, dropped early or not") {
  const auto given = net_task::make(4, 60);
  carlini_wagner_options options = brief;
  const auto minimal = carlini_wagner{l2{0}, options}.minimal(given.net, given.x, given.y);
  CHECK(count(minimal.found) == 60);
  CHECK(count(given.fooled(minimal.points)) == 60);
  const double radius = minimal.distance.median().item<double>();
  const at::Tensor inside = minimal.distance.le(radius);
  redoubt::testing::counting model{given.net};
  const auto result = carlini_wagner{l2{radius}, options}.run(model, given.x, given.y);
  CHECK(at::equal(result.fooled, inside));
  CHECK(at::equal(result.adversarial, minimal.points.where(inside.unsqueeze(1), given.x)));
  CHECK(at::equal(given.fooled(result.adversarial), inside));

  const std::int64_t all = model.samples();
  model.batches.clear();
  options.drop_fooled = true;
  const auto dropped = carlini_wagner{l2{radius}, options}.run(model, given.x, given.y);
  CHECK(at::equal(dropped.fooled, inside));
  CHECK(l2::length(dropped.adversarial.sub(given.x)).max().item<double>() <= radius);
  CHECK(4 * model.samples() < 3 * all);
}

TEST_CASE("carlini_wagner: more constants find nothing farther; early aborts save work and lose little") {
  const auto given = net_task::make(6);
  const auto distance = [&](const carlini_wagner_options& options) {
    return carlini_wagner{l2{0}, options}.minimal(given.net, given.x, given.y).distance;
  };
  carlini_wagner_options options{.steps = 100, .search_steps = 4};
  const at::Tensor four = distance(options);
  options.search_steps = 8;
  const at::Tensor eight = distance(options);
  CHECK(eight.le(four).all().item<bool>());
  CHECK(eight.mean().item<double>() < 0.999 * four.mean().item<double>());

  const auto cost = [&](bool abort_early) {
    redoubt::testing::counting model{given.net};
    options.abort_early = abort_early;
    const auto result = carlini_wagner{l2{0}, options}.minimal(model, given.x, given.y);
    return std::pair{model.samples(), result.distance.mean().item<double>()};
  };
  const auto [all, nearest] = cost(false);
  const auto [fewer, near] = cost(true);
  CHECK(fewer < all);
  CHECK(near < 1.02 * nearest);
}

TEST_CASE("carlini_wagner: targeted, it gives the nearest points of the target's class") {
  const auto given = net_task::make(9);
  const at::Tensor target = given.y.add(1).remainder(4);
  const auto result = carlini_wagner{l2{0}, {.steps = 150, .targeted = true}}.minimal(given.net, given.x, target);
  CHECK(count(result.found) > 30);
  CHECK(at::equal(predictions(given.net, result.points).eq(target), result.found));
}

TEST_CASE("carlini_wagner: a sample that fools the model as it is lies at distance 0 and costs one forward") {
  const auto given = net_task::make(5);
  redoubt::testing::counting model{given.net};
  const auto result = carlini_wagner{l2{0.1}}.minimal(model, given.x, given.y.add(1).remainder(4));
  CHECK(model.batches.size() == 1);
  CHECK(at::equal(result.points, given.x));
  CHECK(largest(result.distance) == 0);
}

// What it promises whatever the input.

TEST_CASE("carlini_wagner: a sample's outcome is the same in any batch, order, and company") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::testing::check_company<l2>(seed, [](const l2& ball, std::uint64_t draws) {
    return carlini_wagner{ball,
                          {.steps = 20 + static_cast<int>(draws % 20),
                           .search_steps = 4,
                           .abort_early = draws % 2 == 0,
                           .drop_fooled = draws % 3 == 0}};
  });
}

TEST_CASE("carlini_wagner: shapes, types and boxes that are out of the ordinary") {
  redoubt::testing::check_unusual_inputs<l2>([](const l2& ball, const redoubt::box& box) {
    return carlini_wagner{ball, {.steps = 80, .learning_rate = 0.08, .search_steps = 7, .box = box}};
  });
}

TEST_CASE("carlini_wagner: a constant model is never fooled, and the gradient's zero is told") {
  const auto model = [](const at::Tensor& x) {
    return at::stack({x.flatten(1).sum(1).mul(0), at::ones({x.size(0)})}, 1);
  };
  const at::Tensor x = uniform({3, 4}, 1);
  const auto result = carlini_wagner{l2{0.1}, brief}.minimal(model, x, ones_like_labels(x));
  CHECK(count(result.found) == 0);
  CHECK(at::equal(result.points, x));
  CHECK(count(result.zero_gradient) == 3);
}

TEST_CASE("carlini_wagner: a model that answers NaN beyond a line is fooled there, and the rest goes on") {
  const auto model = [](const at::Tensor& x) {
    const at::Tensor logits = two_class(at::tensor({1.0F, 1.0F}), -0.2)(x);
    return logits.masked_fill(x.select(1, 0).gt(0.55).unsqueeze(1), std::numeric_limits<double>::quiet_NaN());
  };
  const at::Tensor x = at::tensor({0.3F, 0.3F, 0.9F, 0.9F}).view({2, 2});
  for (const bool targeted : {false, true}) {
    const at::Tensor y = targeted ? at::zeros({2}, at::kLong) : ones_like_labels(x);
    const auto result = carlini_wagner{l2{0.1}, {.steps = 100, .targeted = targeted}}.minimal(model, x, y);
    CHECK(result.points.isfinite().all().item<bool>());
    CHECK(result.distance[0].item<double>() == doctest::Approx(0.4 / std::sqrt(2.0)).epsilon(0.01));
    CHECK(result.found[1].item<bool>() != targeted);
  }
}

TEST_CASE("carlini_wagner: options out of range are named") {
  const at::Tensor x = at::full({2, 3}, 0.5);
  const auto model = two_class(at::ones({3}));
  const auto refused = [&](const l2& ball, const carlini_wagner_options& options, const char* message) {
    CHECK_THROWS_WITH_AS((void)(carlini_wagner{ball, options}(model, x, ones_like_labels(x))),
                         doctest::Contains(message), std::invalid_argument);
  };
  refused(l2{-0.1}, {}, "carlini_wagner: the ball's radius must be finite and not negative, got -0.1");
  refused(l2{0.1}, {.steps = 0}, "carlini_wagner: steps must be at least 1, got 0");
  refused(l2{0.1}, {.learning_rate = 0}, "carlini_wagner: learning_rate must be finite and positive, got 0");
  refused(l2{0.1}, {.confidence = -1}, "carlini_wagner: confidence must be finite and not negative, got -1");
  refused(l2{0.1}, {.search_steps = 0}, "carlini_wagner: search_steps must be at least 1, got 0");
  refused(l2{0.1}, {.initial_constant = 0}, "carlini_wagner: initial_constant must be finite and positive, got 0");
  refused(l2{0.1}, {.box = {0.6, 1}}, "carlini_wagner: the input must lie in the box [0.6, 1]");
  CHECK_THROWS_WITH_AS((void)carlini_wagner{l2{0.1}}(model, x, at::full({2}, 2, at::kLong)),
                       doctest::Contains("carlini_wagner: labels must lie in [0, 2)"), std::invalid_argument);
}
