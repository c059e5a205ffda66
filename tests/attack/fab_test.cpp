#include <redoubt/attack/fab.hpp>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <type_traits>
#include <vector>

#include "../models.hpp"
#include "hyperplane_reference.hpp"

using redoubt::attack_result;
using redoubt::fab;
using redoubt::fab_options;
using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::minimal_result;
using redoubt::pgd;
using redoubt::detail::metric_of;
using redoubt::detail::vector_of;
using redoubt::testing::count;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::normal;
using redoubt::testing::predictions;
using redoubt::testing::random_seed;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(fab{linf{.radius = 0.1}}), fab<linf>>);
static_assert(std::is_same_v<decltype(fab{l1{.radius = 12}, {.target_classes = 9}}), fab<l1>>);

namespace {

template <class Check>
void with_each_ball(const Check& check) {
  check(linf{0.1});
  check(l2{0.4});
  check(l1{1.2});
}

/// A net, inputs in [0, 1] and the labels that the net gives them.
struct task {
  smooth_net net;
  at::Tensor x;
  at::Tensor y;

  static task make(std::uint64_t seed, std::int64_t samples = 40, std::int64_t inputs = 12, std::int64_t classes = 4) {
    task made{smooth_net::make(inputs, classes, seed), uniform({samples, inputs}, seed + 10), {}};
    made.y = predictions(made.net, made.x);
    return made;
  }
};

/// The least length, within [0, 1], of a move of each x that brings w x + b to zero.
template <class Ball>
at::Tensor least_lengths(const Ball& ball, const at::Tensor& x, const at::Tensor& w, double b) {
  const at::Tensor value = x.to(at::kDouble).mv(w.to(at::kDouble)).add(b);
  std::vector<double> lengths;
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    lengths.push_back(redoubt::testing::length_of(
        metric_of(ball), redoubt::testing::least_move(metric_of(ball), {vector_of<double>(x[i]), vector_of<double>(w),
                                                                        -value[i].item<double>()})));
  }
  return at::tensor(lengths, at::kDouble);
}

/// Counts the batches that a model is asked for and their samples.
template <class Model>
struct counting {
  Model model;
  std::vector<std::int64_t> batches = {};

  at::Tensor operator()(const at::Tensor& x) {
    batches.push_back(x.size(0));
    return model(x);
  }
};

template <class Model>
counting(Model) -> counting<Model>;

/// The point between x and a misclassified point where the net's answer changes, as seen from x.
at::Tensor boundary_between(const task& t, at::Tensor wrong) {
  at::Tensor right = t.x;
  for (int i = 0; i < 30; ++i) {
    const at::Tensor middle = right.add(wrong).div(2);
    const at::Tensor is_wrong = predictions(t.net, middle).ne(t.y).unsqueeze(1);
    wrong = middle.where(is_wrong, wrong);
    right = right.where(is_wrong, middle);
  }
  return wrong;
}

}  // namespace

// The nearest point.

TEST_CASE("fab: a linear classifier's nearest point, inside the box, is found in closed form") {
  const at::Tensor w = normal({1, 30}, 3).flatten();
  const at::Tensor x = uniform({40, 30}, 4);
  const double b = -w.sum().item<double>() / 2 + 1.5;
  const auto model = two_class(w, b);
  const at::Tensor y = predictions(model, x);
  REQUIRE(count(y) > 5);
  REQUIRE(count(y) < 35);
  with_each_ball([&](const auto& ball) {
    const at::Tensor exact = least_lengths(ball, x, w, b);
    for (const int targets : {0, 1}) {
      // Each step crosses the boundary by a twentieth of its length, or less where the box is in the way. The search at
      // the end takes most of that back, all but what lies along elements that the box holds.
      for (const auto& bound : {std::pair{1, 0.008}, std::pair{4, 0.0055}, std::pair{30, 0.0055}}) {
        const auto& [steps, within] = bound;
        const minimal_result found = fab{ball, {.steps = steps, .target_classes = targets}}.minimal(model, x, y);
        const at::Tensor excess = found.distance.to(at::kDouble).div(exact).sub(1);
        CAPTURE(ball.name);
        CAPTURE(bound.first);
        CHECK(found.found.all().item<bool>());
        CHECK(predictions(model, found.points).ne(y).all().item<bool>());
        CHECK(excess.min().item<double>() > -1e-4);
        CHECK(excess.max().item<double>() < within);
      }
    }
  });
}

TEST_CASE("fab: within the radius a linear classifier is fooled wherever it can be, and nowhere else") {
  const at::Tensor w = normal({1, 30}, 3).flatten();
  const at::Tensor x = uniform({40, 30}, 4);
  const double b = -w.sum().item<double>() / 2;
  const auto model = two_class(w, b);
  const at::Tensor y = predictions(model, x);
  with_each_ball([&](auto ball) {
    const at::Tensor exact = least_lengths(ball, x, w, b);
    CAPTURE(ball.name);
    ball.radius = exact.mul(1.01);
    const attack_result reached = fab{ball, {.steps = 20, .target_classes = 9}}.run(model, x, y);
    CHECK(reached.fooled.all().item<bool>());
    CHECK(predictions(model, reached.adversarial).ne(y).all().item<bool>());
    CHECK(ball.length(reached.adversarial.sub(x)).to(at::kDouble).div(exact).max().template item<double>() < 1.0101);
    ball.radius = exact.mul(0.999);
    const attack_result missed = fab{ball, {.steps = 20, .target_classes = 9}}.run(model, x, y);
    CHECK_FALSE(missed.fooled.any().item<bool>());
    CHECK(at::equal(missed.adversarial, x));
  });
}

TEST_CASE("fab: of several linear boundaries the nearest is found, by target classes and without") {
  const redoubt::testing::linear_classifier model{normal({6, 20}, 5), at::zeros({6})};
  const at::Tensor x = uniform({50, 20}, 6, 0.4, 0.6);
  const at::Tensor y = predictions(model, x);
  const at::Tensor logits = model(x);
  with_each_ball([&](const auto& ball) {
    at::Tensor exact = at::full({50}, std::numeric_limits<double>::infinity(), at::kDouble);
    for (std::int64_t other = 0; other < 6; ++other) {
      const at::Tensor w = model.weight[other].sub(model.weight.index_select(0, y));
      const at::Tensor gap = logits.gather(1, y.unsqueeze(1)).squeeze(1).sub(logits.select(1, other));
      const at::Tensor far = gap.to(at::kDouble).div(redoubt::detail::dual_length(metric_of(ball), w));
      exact = exact.minimum(far.masked_fill(y.eq(other), std::numeric_limits<double>::infinity()));
    }
    for (const int targets : {0, 5, 100}) {
      const minimal_result found =
          fab{ball, {.steps = 30, .target_classes = targets, .box = {-9, 9}}}.minimal(model, x, y);
      CAPTURE(ball.name);
      CAPTURE(targets);
      CHECK(at::allclose(found.distance.to(at::kDouble), exact, 0.004));
    }
  });
}

TEST_CASE("fab: a curved boundary's points are as near as those of strong PGD refined by bisection, or nearer") {
  const task t = task::make(random_seed() % 1000, 100, 20);
  CAPTURE(random_seed());
  const auto check = [&](const auto& ball, double step) {
    using ball_type = std::remove_cvref_t<decltype(ball)>;
    // The nearest of the points that PGD finds in balls of many sizes.
    at::Tensor by_pgd = at::full({100}, std::numeric_limits<float>::infinity());
    for (const double size : {0.125, 0.25, 0.5, 1.0, 2.0, 4.0}) {
      const ball_type wide = redoubt::with_radius(ball, redoubt::radius_of(ball).times(size));
      const attack_result found =
          pgd{wide, {.step = step * size, .steps = 40, .random_start = false, .drop_fooled = true}}.run(t.net, t.x,
                                                                                                        t.y);
      const at::Tensor far = wide.length(boundary_between(t, found.adversarial).sub(t.x));
      by_pgd = by_pgd.minimum(far.masked_fill(found.fooled.logical_not(), std::numeric_limits<float>::infinity()));
    }
    REQUIRE(count(by_pgd.isfinite()) > 90);
    for (const int targets : {0, 9}) {
      const minimal_result found = fab{ball, {.steps = 60, .target_classes = targets}}.minimal(t.net, t.x, t.y);
      CAPTURE(ball.name);
      CAPTURE(targets);
      CHECK(predictions(t.net, found.points).ne(t.y).eq(found.found).all().item<bool>());
      CHECK(at::allclose(ball.length(found.points.sub(t.x)).masked_select(found.found),
                         found.distance.masked_select(found.found)));
      const at::Tensor ratio = found.distance.div(by_pgd).masked_select(by_pgd.isfinite());
      CHECK(ratio.median().item<double>() < 1.01);
      CHECK(count(ratio.lt(1.1)) >= 0.9 * static_cast<double>(ratio.size(0)));
    }
  };
  check(linf{0.1}, 0.01);
  check(l2{0.4}, 0.04);
  check(l1{.radius = 1.2, .share = 0.5}, 0.12);
}

TEST_CASE("fab: more restarts and more target classes never end farther away") {
  const task t = task::make(7);
  std::int64_t nearer = 0;
  with_each_ball([&](const auto& ball) {
    const auto distance = [&](int targets, int restarts) {
      return fab{ball, {.steps = 4, .restarts = restarts, .target_classes = targets}}.minimal(t.net, t.x, t.y).distance;
    };
    CHECK(distance(1, 1).ge(distance(3, 1)).all().template item<bool>());
    CHECK(distance(1, 1).ge(distance(1, 3)).all().template item<bool>());
    nearer += count(distance(1, 1).gt(distance(1, 3)));
    CHECK(distance(0, 1).ge(distance(0, 2)).all().template item<bool>());
  });
  CHECK(nearer > 0);
}

TEST_CASE("fab: which classes are tried together changes no outcome, and fewer batches do") {
  const smooth_net net = smooth_net::make(12, 6, 1);
  const at::Tensor x = uniform({30, 12}, 2);
  const at::Tensor y = predictions(net, x);
  std::int64_t batches = 0;
  const auto counting = [&](const at::Tensor& point) {
    ++batches;
    return net(point);
  };
  const auto attack = [&](std::int64_t batch) {
    return fab{linf{0.05}, {.steps = 15, .target_classes = 5, .batch = batch}};
  };
  const auto one_by_one = attack(1).run(counting, x, y);
  const std::int64_t most = batches;
  const auto nearest = attack(1).minimal(net, x, y);
  for (const std::int64_t batch : {40, 70, 1000}) {
    CAPTURE(batch);
    batches = 0;
    const auto together = attack(batch).run(counting, x, y);
    CHECK(at::equal(together.fooled, one_by_one.fooled));
    CHECK(at::equal(together.zero_gradient, one_by_one.zero_gradient));
    CHECK(largest(together.adversarial.sub(one_by_one.adversarial)) < 1e-5);
    CHECK(largest(attack(batch).minimal(net, x, y).distance.sub(nearest.distance)) < 1e-5);
  }
  CHECK(3 * batches < most);
  CHECK(count(one_by_one.fooled) > 3);
  CHECK(count(one_by_one.fooled) < 30);
}

TEST_CASE("fab: neither the logits' scale nor a shift of them changes what it does") {
  const task t = task::make(8);
  with_each_ball([&](const auto& ball) {
    const fab attack{ball, {.steps = 5, .target_classes = 3}};
    const at::Tensor expected = attack.minimal(t.net, t.x, t.y).points;
    for (const double scale : {0x1p-20, 0x1p+20}) {
      const auto scaled = [&](const at::Tensor& x) { return t.net(x).mul(scale); };
      CHECK(largest(attack.minimal(scaled, t.x, t.y).points.sub(expected)) < 1e-5);
    }
  });
}

TEST_CASE("fab: from the first step on every point it asks for lies just across a linear boundary") {
  const at::Tensor w = normal({1, 30}, 3).flatten();
  const at::Tensor x = uniform({10, 30}, 4, 0.45, 0.55);
  const auto linear = two_class(w, -w.sum().item<double>() / 2);
  with_each_ball([&](const auto& ball) {
    std::vector<at::Tensor> asked;
    const auto model = [&](const at::Tensor& point) {
      asked.push_back(point.detach());
      return linear(point);
    };
    const fab attack{ball, {.steps = 6, .target_classes = 1, .box = {-99, 99}}};
    const at::Tensor least = least_lengths(ball, x, w, -w.sum().item<double>() / 2);
    (void)attack.minimal(model, x, predictions(linear, x));
    CAPTURE(ball.name);
    for (std::size_t step = 2; step < 8; ++step) {
      const at::Tensor far = ball.length(asked[step].sub(x)).to(at::kDouble).div(least);
      CHECK(far.min().template item<double>() > 1);
      CHECK(far.max().template item<double>() < (step == 2 ? 1.0501 : 1.01));
    }
  });
}

// What it costs.

TEST_CASE("fab: K steps to a target class ask for K gradients and one more forward; samples leave once fooled") {
  const at::Tensor w = normal({1, 10}, 3).flatten();
  const at::Tensor x = uniform({16, 10}, 4, 0.4, 0.6);
  const at::Tensor y = at::ones({16}, at::kLong);
  counting never{two_class(w, 1e6)};
  (void)fab{linf{0.1}, {.steps = 5, .restarts = 2, .target_classes = 9}}(never, x, y);
  CHECK(never.batches == std::vector<std::int64_t>(1 + 2 * 6, 16));

  // Four samples whose last element puts them out of reach, among twelve that the first step fools.
  const at::Tensor far = first_rows(16).lt(4).to(at::kFloat).mul(1e6).unsqueeze(1);
  const at::Tensor mixed = at::cat({x, far}, 1);
  const double lowest = x.mv(w).min().item<double>();
  counting some{two_class(at::cat({w, at::ones({1})}), 0.01 - lowest)};
  const fab attack{linf{0.3}, {.steps = 4, .target_classes = 1, .box = {-1, 2e6}}};
  const attack_result result = attack.run(some, mixed, y);
  CHECK(some.batches == std::vector<std::int64_t>{16, 16, 16, 4, 4, 4});
  CHECK(at::equal(result.fooled, first_rows(16).ge(4)));
}

TEST_CASE("fab: what is misclassified as it is costs one forward and comes back as it is") {
  const task t = task::make(9);
  const at::Tensor wrong = t.y.add(1).remainder(4);
  counting model{t.net};
  const fab attack{l2{0.4}, {.target_classes = 9}};
  const attack_result result = attack.run(model, t.x, wrong);
  CHECK(model.batches == std::vector<std::int64_t>{40});
  CHECK(at::equal(result.adversarial, t.x));
  CHECK(result.fooled.all().item<bool>());
  CHECK(largest(attack.minimal(t.net, t.x, wrong).distance) == 0);
}

// What every attack guarantees.

TEST_CASE("fab: the result is in ball and box, fooled as it says, else x itself, bit by bit") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf}) {
    const task t = task::make(10);
    const at::Tensor x = t.x.to(type);
    const at::Tensor y = predictions(t.net, x);
    with_each_ball([&](const auto& ball) {
      for (const int targets : {0, 9}) {
        const attack_result result = fab{ball, {.steps = 20, .target_classes = targets}}.run(t.net, x, y);
        CHECK((result.adversarial.scalar_type() == type));
        CHECK(result.adversarial.ge(0).logical_and(result.adversarial.le(1)).all().template item<bool>());
        const double rounding =
            type == at::kHalf ? 1e-3 * ball.length(at::ones({1, 12})).template item<double>() : 1e-6;
        CHECK(largest(ball.length(result.adversarial.to(at::kDouble).sub(x))) <= ball.radius.number() + rounding);
        CHECK(count(result.fooled) > 0);
        CHECK(count(result.fooled) < 40);
        CHECK(at::equal(predictions(t.net, result.adversarial).ne(y), result.fooled));
        const at::Tensor kept = result.fooled.logical_not().nonzero().squeeze(1);
        CHECK(at::equal(result.adversarial.index_select(0, kept), x.index_select(0, kept)));
      }
    });
  }
}

TEST_CASE("fab: neither batch, order, neighbours nor threads change a sample's outcome") {
  const task t = task::make(11, 48);
  const at::Tensor order = uniform({48, 1}, 99).flatten().argsort();
  with_each_ball([&](const auto& usual) {
    const auto ball = redoubt::with_radius(usual, redoubt::radius_of(usual).times(0.5));
    for (const int targets : {0, 2}) {
      const fab attack{ball, {.steps = 15, .restarts = 3, .target_classes = targets, .seed = 5}};
      const attack_result all = attack.run(t.net, t.x, t.y);
      const minimal_result near = attack.minimal(t.net, t.x, t.y);
      REQUIRE(count(all.fooled) > 5);
      REQUIRE(count(all.fooled) < 43);
      const auto check = [&](const at::Tensor& rows) {
        const at::Tensor x = t.x.index_select(0, rows);
        const at::Tensor y = t.y.index_select(0, rows);
        const attack_result part = attack.run(t.net, x, y, rows);
        CHECK(at::equal(part.fooled, all.fooled.index_select(0, rows)));
        CHECK(at::allclose(part.adversarial, all.adversarial.index_select(0, rows), 1e-3, 1e-4));
        CHECK(at::allclose(attack.minimal(t.net, x, y, rows).distance, near.distance.index_select(0, rows), 1e-3));
      };
      check(order);
      check(order.narrow(0, 0, 17));
      for (std::int64_t i = 0; i < 5; ++i) {
        check(order.narrow(0, i, 1));
      }
    }
    const fab attack{ball, {.steps = 15}};
    const at::Tensor one = attack(t.net, t.x, t.y);
    const int threads = at::get_num_threads();
    at::set_num_threads(3);
    CHECK(at::equal(attack(t.net, t.x, t.y), one));
    at::set_num_threads(threads);
  });
}

TEST_CASE("fab: random starts follow the seed and the rows, and the first run has none") {
  const task t = task::make(12);
  const auto points = [&](int restarts, std::uint64_t seed, const at::Tensor& rows) {
    return fab{l2{0.4}, {.steps = 3, .restarts = restarts, .seed = seed}}.minimal(t.net, t.x, t.y, rows).points;
  };
  CHECK(at::equal(points(1, 1, first_rows(40)), points(1, 2, first_rows(40))));
  CHECK(at::equal(points(3, 1, first_rows(40)), points(3, 1, {})));
  CHECK_FALSE(at::equal(points(3, 1, {}), points(3, 2, {})));
  CHECK_FALSE(at::equal(points(3, 1, {}), points(3, 1, first_rows(40).add(40))));
}

TEST_CASE("fab: radii by sample, bounds by channel, any layout of memory") {
  const task t = task::make(13);
  const at::Tensor radii = uniform({40, 1}, 3, 0, 0.3).flatten();
  const attack_result by_sample = fab{linf{radii}, {.steps = 15, .target_classes = 3}}.run(t.net, t.x, t.y);
  CHECK(linf::length(by_sample.adversarial.sub(t.x)).le(radii.add(1e-6)).all().item<bool>());
  for (std::int64_t i = 0; i < 40; i += 7) {
    const fab alone{linf{radii[i].item<double>()}, {.steps = 15, .target_classes = 3}};
    CHECK(
        at::equal(alone.run(t.net, t.x.narrow(0, i, 1), t.y.narrow(0, i, 1)).fooled, by_sample.fooled.narrow(0, i, 1)));
  }

  const redoubt::box bounds{at::tensor({0.0, -1.0, 0.2}), at::tensor({1.0, 2.0, 0.4})};
  const smooth_net net = smooth_net::make(24, 4, 13);
  const at::Tensor x = bounds.clamp(uniform({20, 3, 2, 4}, 1, -1, 2));
  const at::Tensor y = predictions(net, x);
  with_each_ball([&](const auto& ball) {
    const fab attack{ball, {.steps = 15, .target_classes = 3, .box = bounds}};
    const at::Tensor found = attack.minimal(net, x, y).points;
    CHECK_FALSE(at::equal(found, x));
    CHECK(at::equal(bounds.clamp(found), found));
    const at::Tensor last = attack(net, x.to(at::MemoryFormat::ChannelsLast), y);
    CHECK(last.is_contiguous(at::MemoryFormat::ChannelsLast));
    CHECK(at::allclose(last, attack(net, x, y), 1e-3, 1e-4));
  });
}

TEST_CASE("fab: NaN logits count as fooled, a constant model's gradient of zero is reported") {
  const task t = task::make(14);
  const auto some_nan = [&](const at::Tensor& x) {
    const at::Tensor bad = x.select(1, 0).gt(0.6).unsqueeze(1);
    return t.net(x).masked_fill(bad, std::numeric_limits<float>::quiet_NaN());
  };
  const at::Tensor bad = t.x.select(1, 0).gt(0.6);
  const attack_result with_nan = fab{linf{1e-4}, {.steps = 5}}.run(some_nan, t.x, t.y);
  CHECK(with_nan.fooled.logical_and(bad).eq(bad).all().item<bool>());
  CHECK(with_nan.adversarial.isfinite().all().item<bool>());

  const auto constant = [](const at::Tensor& x) {
    return x.flatten(1).mul(0).narrow(1, 0, 3).add(at::tensor({0.0F, 1.0F, 0.5F}));
  };
  const at::Tensor ones = at::ones({40}, at::kLong);
  with_each_ball([&](const auto& ball) {
    for (const int targets : {0, 9}) {
      const fab attack{ball, {.steps = 3, .target_classes = targets}};
      const attack_result result = attack.run(constant, t.x, ones);
      CHECK(result.zero_gradient.all().template item<bool>());
      CHECK_FALSE(result.fooled.any().template item<bool>());
      CHECK(at::equal(result.adversarial, t.x));
      const minimal_result none = attack.minimal(constant, t.x, ones);
      CHECK_FALSE(none.found.any().template item<bool>());
      CHECK(at::equal(none.points, t.x));
    }
  });
  CHECK_FALSE(fab{linf{0.1}, {.steps = 3}}.run(t.net, t.x, t.y).zero_gradient.any().item<bool>());
}

TEST_CASE("fab: a radius of zero and one larger than the box, one sample, none, images of one pixel") {
  const task t = task::make(15);
  with_each_ball([&](auto ball) {
    const fab_options options{.steps = 15, .target_classes = 3};
    ball.radius = 0;
    CHECK(at::equal(fab{ball, options}(t.net, t.x, t.y), t.x));
    ball.radius = 100;
    const at::Tensor anywhere = fab{ball, options}(t.net, t.x, t.y);
    CHECK(anywhere.ge(0).logical_and(anywhere.le(1)).all().template item<bool>());
    CHECK(count(predictions(t.net, anywhere).ne(t.y)) > 35);
    CHECK(fab{ball, options}(t.net, t.x.narrow(0, 0, 0), t.y.narrow(0, 0, 0)).sizes() == at::IntArrayRef{0, 12});
    const auto pixel = two_class(at::ones({1}), -0.5);
    const at::Tensor dot = at::tensor({0.2F, 0.9F}).view({2, 1, 1, 1});
    const minimal_result near = fab{ball, options}.minimal(pixel, dot, predictions(pixel, dot));
    CHECK(at::allclose(near.distance, at::tensor({0.3F, 0.4F}), 0.004));
  });
}

TEST_CASE("fab: what it cannot take it names") {
  const task t = task::make(16);
  const auto run = [&](const fab_options& options) { (void)fab{linf{0.1}, options}(t.net, t.x, t.y); };
  CHECK_THROWS_WITH_AS(run({.steps = 0}), "fab: steps must be at least 1, got 0", std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.restarts = 0}), "fab: restarts must lie in [1, 65535], got 0", std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.target_classes = -1}), "fab: target_classes must not be negative, got -1",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.alpha_max = 1.5}), "fab: alpha_max must lie in [0, 1], got 1.5", std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.eta = 0.5}), "fab: eta must be finite and at least 1, got 0.5", std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.beta = 1}), "fab: beta must lie in (0, 1), got 1", std::invalid_argument);
  CHECK_THROWS_AS((void)fab{linf{-0.1}}(t.net, t.x, t.y), std::invalid_argument);
  CHECK_THROWS_AS((void)fab{linf{0.1}}(t.net, t.x.add(1), t.y), std::invalid_argument);
  CHECK_THROWS_AS((void)fab{linf{0.1}}(t.net, t.x, t.y.add(4)), std::invalid_argument);
  const auto detached = [&](const at::Tensor& x) { return t.net(x).detach(); };
  CHECK_THROWS_AS((void)fab{linf{0.1}}(detached, t.x, t.y), std::invalid_argument);
}
