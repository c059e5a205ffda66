#include <redoubt/attack/apgd.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/loss/dlr.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <type_traits>

#include "../models.hpp"

using redoubt::apgd;
using redoubt::apgd_options;
using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::pgd;
using redoubt::testing::count;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(apgd{linf{.radius = 0.1}}), apgd<linf>>);
static_assert(std::is_same_v<decltype(apgd{l2{.radius = 1}, {.loss = redoubt::dlr{}}}), apgd<l2>>);

namespace {

/// A net, inputs in [0, 1] and the labels that the net gives them, so that every sample is there to be won.
struct task {
  smooth_net net;
  at::Tensor x;
  at::Tensor y;

  static task make(std::uint64_t seed, std::int64_t samples = 40, std::int64_t inputs = 12, std::int64_t classes = 4) {
    task made{smooth_net::make(inputs, classes, seed), uniform({samples, inputs}, seed + 10), {}};
    made.y = predictions(made.net, made.x);
    return made;
  }

  [[nodiscard]] at::Tensor fooled(const at::Tensor& adversarial) const { return predictions(net, adversarial).ne(y); }
  [[nodiscard]] at::Tensor cross_entropy(const at::Tensor& at_x) const {
    return redoubt::cross_entropy{}(net(at_x), y);
  }
};

at::Tensor ones_like_labels(const at::Tensor& x) {
  return at::ones({x.size(0)}, at::kLong);
}

}  // namespace

TEST_CASE("apgd: over linf a linear margin's optimum is the corner of the ball, clipped to the box") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.01F, 3.0F});
  const at::Tensor x = uniform({30, 4}, 1);
  for (const double radius : {0.05, 0.4, 5.0}) {
    const at::Tensor optimum = x.sub(w.sign(), radius).clamp(0, 1);
    for (const redoubt::loss_function& loss :
         {redoubt::loss_function{redoubt::cross_entropy{}}, redoubt::loss_function{redoubt::margin{}}}) {
      // Without drops the best point is the one of the highest loss.
      const apgd attack{linf{radius}, {.steps = 20, .loss = loss, .drop_fooled = false}};
      CHECK(largest(attack(two_class(w), x, ones_like_labels(x)).sub(optimum)) < 1e-6);
    }
  }
}

TEST_CASE("apgd: over l2 a linear margin's optimum is the gradient scaled to the radius") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.01F, 3.0F});
  const at::Tensor x = uniform({30, 4}, 1, 0.4, 0.6);
  const apgd attack{l2{0.3}, {.loss = redoubt::margin{}, .drop_fooled = false}};
  // The first of the points whose losses float32 does not tell apart.
  CHECK(largest(attack(two_class(w), x, ones_like_labels(x)).sub(x.sub(w.div(w.norm()), 0.3))) < 1e-3);
}

TEST_CASE("apgd: over l1 in a box it comes within 3 % of the optimum, which fills the steepest elements first") {
  const at::Tensor w = uniform({40, 1}, 7, -1, 1).flatten();
  const at::Tensor x = uniform({30, 40}, 1);
  const at::Tensor order = w.abs().argsort(0, true);
  const at::Tensor room = at::where(w.gt(0), x, at::rsub(x, 1)).index_select(1, order);
  for (const double radius : {0.5, 2.0, 6.0, 100.0}) {
    const at::Tensor used = room.sub(room.cumsum(1)).add(radius).clamp_min(0).minimum(room);
    const at::Tensor optimum = used.mv(w.abs().index_select(0, order));
    for (const bool shrink : {true, false}) {
      CAPTURE(radius);
      CAPTURE(shrink);
      const apgd attack{l1{radius}, {.loss = redoubt::margin{}, .drop_fooled = false, .shrink_radius = shrink}};
      const at::Tensor found = attack(two_class(w), x, ones_like_labels(x));
      CHECK(l1::length(found.sub(x)).max().item<double>() <= radius * (1 + 1e-6));
      const at::Tensor gain = x.sub(found).mv(w).div(optimum);
      CHECK(gain.min().item<double>() > 0.97);
      CHECK(gain.max().item<double>() < 1 + 1e-5);
    }
  }
}

TEST_CASE("apgd: over l1 each of the three radii costs its steps and one forward more; few steps leave radii out") {
  const auto model = two_class(uniform({3, 1}, 5, -1, 1).flatten(), 100);
  const at::Tensor x = uniform({5, 3}, 6);
  int calls = 0;
  const auto counting = [&](const at::Tensor& point) {
    ++calls;
    return model(point);
  };
  for (const auto& [steps, expected] : {std::pair{1, 2}, {3, 4}, {4, 7}, {10, 13}, {100, 103}}) {
    calls = 0;
    const at::Tensor found = apgd{l1{0.1}, {.steps = steps}}(counting, x, ones_like_labels(x));
    CHECK(calls == expected);
    CHECK(l1::length(found.sub(x)).max().item<double>() <= 0.1 + 1e-6);
  }
  calls = 0;
  (void)apgd{l1{0.1}, {.steps = 100, .shrink_radius = false}}(counting, x, ones_like_labels(x));
  CHECK(calls == 101);
}

TEST_CASE("apgd: over l1 a sample that only the wider balls fool is not fooled") {
  // The margin of 0.2 of each sample is out of reach at 0.15 and within it at 0.3.
  const at::Tensor w = at::tensor({1.0F, 1.0F});
  const at::Tensor x = at::full({4, 2}, 0.5);
  const auto result = apgd{l1{0.15}, {}}.run(two_class(w, -0.8), x, ones_like_labels(x));
  CHECK_FALSE(result.fooled.any().item<bool>());
  CHECK(l1::length(result.adversarial.sub(x)).max().item<double>() <= 0.15 + 1e-6);
  CHECK(apgd{l1{0.25}, {}}.run(two_class(w, -0.8), x, ones_like_labels(x)).fooled.all().item<bool>());
}

TEST_CASE("apgd: finds a top inside the ball to a small part of the radius, where constant steps jump about") {
  // Climbed: minus the squared distance from a top that lies in the ball; the model is never fooled.
  const at::Tensor x = uniform({20, 6}, 3, 0.4, 0.6);
  const at::Tensor top = x.add(uniform({20, 6}, 4, -0.15, 0.15));
  const auto model = [](const at::Tensor& point) { return at::cat({point, point.new_full({20, 1}, 100)}, 1); };
  const redoubt::loss_function nearness = [&](const at::Tensor& logits, const at::Tensor& /*y*/) {
    return logits.narrow(1, 0, 6).sub(top).square().sum(1).neg();
  };
  const at::Tensor y = at::full({20}, 6, at::kLong);
  const at::Tensor found = apgd{linf{0.2}, {.loss = nearness}}(model, x, y);
  CHECK(largest(found.sub(top)) < 0.02);
  const at::Tensor jumping = pgd{linf{0.2}, {.step = 0.4, .steps = 100, .loss = nearness}}(model, x, y);
  CHECK(largest(jumping.sub(top)) > 0.1);
}

TEST_CASE("apgd: is never worse than the points it starts from") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  for (std::uint64_t trial = 0; trial < 10; ++trial) {
    const task given = task::make(seed + 100 * trial);
    for (const int steps : {1, 3, 25}) {
      const at::Tensor start = pgd{linf{0.1}, {.step = 0, .steps = 1, .seed = trial}}(given.net, given.x, given.y);
      const at::Tensor found =
          apgd{linf{0.1}, {.steps = steps, .seed = trial, .drop_fooled = false}}(given.net, given.x, given.y);
      CHECK(count(given.fooled(start).logical_and(given.fooled(found).logical_not())) == 0);
      CHECK(given.cross_entropy(found)
                .ge(given.cross_entropy(start).sub(1e-5))
                .logical_or(given.fooled(start).ne(given.fooled(found)))
                .all()
                .item<bool>());
    }
  }
}

TEST_CASE("apgd: fools at least as many as pgd of as many steps, and mostly climbs higher") {
  int higher = 0;
  for (std::uint64_t trial = 0; trial < 10; ++trial) {
    const task given = task::make(50 + trial, 60, 30);
    const auto check = [&](const auto& ball, double radius) {
      const at::Tensor with = apgd{ball, {.steps = 40, .drop_fooled = false}}(given.net, given.x, given.y);
      const at::Tensor without =
          pgd{ball, {.step = radius / 4, .steps = 40, .random_start = false}}(given.net, given.x, given.y);
      CHECK(count(given.fooled(with)) >= count(given.fooled(without)) - 1);
      higher +=
          given.cross_entropy(with).sum().item<double>() >= given.cross_entropy(without).sum().item<double>() ? 1 : 0;
    };
    check(linf{0.06}, 0.06);
    check(l2{0.2}, 0.2);
  }
  CHECK(higher >= 12);
}

TEST_CASE("apgd: the result lies in ball and box, whatever the type, the radius and the number of steps") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    const task given = task::make(5, 25);
    const at::Tensor x = given.x.to(type);
    const auto each = static_cast<double>(x[0].numel());
    const double rounding = type == at::kDouble ? 1e-15 : type == at::kFloat ? 6e-8 : type == at::kHalf ? 2.5e-4 : 2e-3;
    const auto check = [&](const auto& ball, double radius, const apgd_options& options) {
      const at::Tensor found = apgd{ball, options}(given.net, x, given.y);
      CHECK((found.scalar_type() == type));
      CHECK(found.sizes() == x.sizes());
      CHECK(found.min().template item<double>() >= 0);
      CHECK(found.max().template item<double>() <= 1);
      const at::Tensor d = found.to(at::kDouble).sub(x.to(at::kDouble));
      CHECK(ball.length(d).max().template item<double>() <= radius * (1 + 1e-6) + each * rounding);
    };
    for (const int steps : {1, 2, 10, 37}) {
      for (const double radius : {1e-3, 0.1, 3.0}) {
        check(linf{radius}, radius, {.steps = steps, .restarts = 2});
        check(l2{radius}, radius, {.steps = steps, .drop_fooled = false});
        check(l1{radius}, radius, {.steps = steps, .restarts = 2});
      }
    }
    CHECK(at::equal(apgd{linf{0}, {.steps = 5}}(given.net, x, given.y), x));
    CHECK(at::equal(apgd{l2{0}, {.steps = 5}}(given.net, x, given.y), x));
    CHECK(at::equal(apgd{l1{0}, {.steps = 5}}(given.net, x, given.y), x));
  }
}

TEST_CASE("apgd: radii per sample and bounds per channel do what numbers do to each alone") {
  const task given = task::make(8, 12);
  const at::Tensor radii = uniform({12, 1}, 1, 0, 0.2).flatten();
  const auto check = [&]<class Ball>(std::type_identity<Ball>) {
    apgd_options options{.steps = 20, .restarts = 2, .drop_fooled = false};
    const at::Tensor all = apgd{Ball{radii}, options}(given.net, given.x, given.y);
    for (std::int64_t i = 0; i < 12; ++i) {
      const at::Tensor one = apgd{Ball{radii[i].template item<double>()}, options}(
          given.net, given.x.narrow(0, i, 1), given.y.narrow(0, i, 1), first_rows(12).narrow(0, i, 1));
      CHECK(largest(one.sub(all.narrow(0, i, 1))) < 1e-3);
    }
    options.drop_fooled = true;
    CHECK(at::equal(given.fooled(apgd{Ball{radii}, options}(given.net, given.x, given.y)), given.fooled(all)));
    options.box = {at::full({12}, 0.0), at::full({12}, 1.0)};
    options.drop_fooled = false;
    CHECK(largest(apgd{Ball{radii}, options}(given.net, given.x, given.y).sub(all)) < 1e-6);
  };
  check(std::type_identity<linf>{});
  check(std::type_identity<l2>{});
}

TEST_CASE("apgd: a sample's outcome is the same in any batch, order and company, dropped or not") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 12; ++trial) {
    CAPTURE(trial);
    const std::int64_t samples = 2 + random.below(20);
    const task given = task::make(random(), samples, 3 + random.below(30), 2 + random.below(6));
    const at::Tensor rows = uniform({samples, 1}, random(), 0, 1e5).flatten().to(at::kLong);
    apgd_options options{.steps = 1 + static_cast<int>(random.below(40)),
                         .restarts = 1 + static_cast<int>(random.below(3)),
                         .seed = random()};
    const at::Tensor order = uniform({samples, 1}, random()).flatten().argsort();
    const at::Tensor some = order.narrow(0, 0, 1 + random.below(static_cast<std::uint32_t>(samples)));
    const auto check_ball = [&](const auto& ball) {
      options.drop_fooled = false;
      const at::Tensor outcome = given.fooled(apgd{ball, options}(given.net, given.x, given.y, rows));
      options.drop_fooled = true;
      const apgd attack{ball, options};
      for (const at::Tensor& taken : {first_rows(samples), order, some}) {
        const at::Tensor x = given.x.index_select(0, taken);
        const at::Tensor y = given.y.index_select(0, taken);
        const at::Tensor found = attack(given.net, x, y, rows.index_select(0, taken));
        CHECK(at::equal(predictions(given.net, found).ne(y), outcome.index_select(0, taken)));
      }
    };
    check_ball(linf{0.02 + 0.1 * random.uniform()});
    check_ball(l2{0.05 + 0.4 * random.uniform()});
    check_ball(l1{0.1 + random.uniform()});
  }
}

TEST_CASE("apgd: costs K forwards and one more, for what is not yet fooled") {
  const auto model = two_class(uniform({3, 1}, 5, -1, 1).flatten(), 100);
  const at::Tensor x = uniform({5, 3}, 6);
  int calls = 0;
  std::int64_t samples = 0;
  const auto counting = [&](const at::Tensor& point) {
    ++calls;
    samples += point.size(0);
    return model(point);
  };
  (void)apgd{linf{0.1}, {.steps = 30}}(counting, x, ones_like_labels(x));
  CHECK(calls == 31);
  CHECK(samples == 31 * 5);
  calls = 0;
  (void)apgd{linf{0.1}, {.steps = 30}}(counting, x, at::zeros({5}, at::kLong));
  CHECK(calls == 1);
}

TEST_CASE("apgd: targeted, it reaches targets") {
  const task given = task::make(9);
  const at::Tensor target = given.y.add(1).remainder(4);
  const apgd attack{linf{0.3}, {.steps = 30, .targeted = true}};
  const auto result = attack.run(given.net, given.x, target);
  CHECK(count(predictions(given.net, result.adversarial).eq(target)) > 20);
  CHECK(at::equal(predictions(given.net, result.adversarial).eq(target), result.fooled));
}

TEST_CASE("apgd: saturated cross-entropy's zero gradients are reported, and dlr has none") {
  const task given = task::make(10);
  const auto confident = [&](const at::Tensor& x) { return given.net(x).mul(1000); };
  const auto saturated = apgd{linf{0.1}, {.steps = 10}}.run(confident, given.x, given.y);
  CHECK(count(saturated.zero_gradient) > 10);
  const auto alive = apgd{linf{0.1}, {.steps = 10, .loss = redoubt::dlr{}}}.run(confident, given.x, given.y);
  CHECK(count(alive.zero_gradient) == 0);
  CHECK(count(alive.fooled) > count(saturated.fooled));
}

TEST_CASE("apgd: constant models, NaN, two classes, one pixel and no samples are no obstacle") {
  const at::Tensor x = uniform({6, 1}, 2);
  const at::Tensor y = ones_like_labels(x);
  const auto constant = [](const at::Tensor& point) { return at::cat({point.mul(0), point.mul(0).add(1)}, 1); };
  const auto flat = apgd{linf{0.1}, {.steps = 30}}.run(constant, x, y);
  CHECK(flat.zero_gradient.all().item<bool>());
  CHECK(linf::length(flat.adversarial.sub(x)).max().item<double>() <= 0.1 + 1e-7);

  const auto nan_above = [](const at::Tensor& point) {
    const at::Tensor logits = two_class(at::tensor({1.0F}), 100)(point);
    return logits.masked_fill(point.gt(0.5), std::numeric_limits<double>::quiet_NaN());
  };
  const at::Tensor apart = at::tensor({0.1F, 0.9F, 0.2F}).view({3, 1});
  for (const bool drop : {true, false}) {
    const auto some = apgd{linf{0.05}, {.steps = 30, .loss = redoubt::margin{}, .drop_fooled = drop}}.run(
        nan_above, apart, ones_like_labels(apart));
    CHECK(at::equal(some.fooled, at::tensor({0, 1, 0}).to(at::kBool)));
    CHECK(some.adversarial.isfinite().all().item<bool>());
    CHECK(some.adversarial[0].item<double>() == doctest::Approx(0.05));
    CHECK(some.adversarial[2].item<double>() == doctest::Approx(0.15));
  }

  const auto none = apgd{l2{0.1}}.run(constant, at::empty({0, 1}), at::empty({0}, at::kLong));
  CHECK(none.adversarial.sizes() == at::IntArrayRef({0, 1}));
  const at::Tensor one =
      apgd{linf{0.1}, {.steps = 10}}(two_class(at::tensor({1.0F}), 0.2), x.narrow(0, 0, 1), y.narrow(0, 0, 1));
  CHECK(one.sizes() == at::IntArrayRef({1, 1}));
}

TEST_CASE("apgd: gradients averaged over the draws of a transform find their way through noise") {
  const at::Tensor w = at::tensor({1.0F, -1.0F, 1.0F, -1.0F});
  const at::Tensor x = at::full({10, 4}, 0.5);
  // Half of the draws turn the gradient round; on average 0.6 - 0.4 of it is left.
  const redoubt::input_transform turning = [](const at::Tensor& point, const at::Tensor& rows,
                                              const redoubt::draw& where) {
    const at::Tensor u = redoubt::uniform_like(point.detach().narrow(1, 0, 1), rows, where);
    return point.mul(u.lt(0.6).to(at::kFloat).mul(2).sub(1));
  };
  const apgd attack{linf{0.1}, {.steps = 30, .loss = redoubt::margin{}, .eot = 25, .transform = turning}};
  const at::Tensor found = attack(two_class(w, 10), x, ones_like_labels(x));
  CHECK(largest(found.sub(x.sub(w, 0.1))) < 1e-3);
}

TEST_CASE("apgd: options out of range are named") {
  const auto model = two_class(at::tensor({1.0F, 2.0F}));
  const at::Tensor x = at::full({2, 2}, 0.5);
  const auto refused = [&](const auto& ball, const apgd_options& options, const char* message) {
    CHECK_THROWS_WITH_AS((void)(apgd{ball, options}(model, x, ones_like_labels(x))), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(linf{-0.1}, {}, "apgd: the ball's radius must be finite and not negative, got -0.1");
  refused(linf{0.1}, {.steps = 0}, "apgd: steps must be at least 1, got 0");
  refused(linf{0.1}, {.restarts = 0}, "apgd: restarts must lie in [1, 65535], got 0");
  refused(linf{0.1}, {.rho = 1.5}, "apgd: rho must lie in [0, 1], got 1.5");
  refused(linf{0.1}, {.rho = std::numeric_limits<double>::quiet_NaN()}, "apgd: rho must lie in [0, 1], got nan");
  refused(linf{0.1}, {.eot = 0}, "apgd: eot must be at least 1, got 0");
  refused(l1{-0.1}, {}, "apgd: the ball's radius must be finite and not negative, got -0.1");
  refused(l1{0.1}, {.steps = 0}, "apgd: steps must be at least 1, got 0");
  refused(l1{0.1}, {.restarts = 0}, "apgd: restarts must lie in [1, 65535], got 0");
  refused(l1{0.1}, {.eot = 0}, "apgd: eot must be at least 1, got 0");
  CHECK_THROWS_WITH_AS((void)(apgd{linf{0.1}, {.loss = redoubt::dlr{}}}(model, x, ones_like_labels(x))),
                       "dlr: needs at least 3 classes, the model has 2; use margin", std::invalid_argument);
}
