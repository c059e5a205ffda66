#include <redoubt/attack/pgd.hpp>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <redoubt/loss/dlr.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "../models.hpp"

using redoubt::iterate;
using redoubt::l0;
using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::pgd;
using redoubt::pgd_options;
using redoubt::testing::count;
using redoubt::testing::first_rows;
using redoubt::testing::labels;
using redoubt::testing::largest;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(pgd{linf{.radius = 0.1}}), pgd<linf>>);
static_assert(std::is_same_v<decltype(pgd{l2{.radius = 1}, {.step = .1, .loss = redoubt::dlr{}}}), pgd<l2>>);

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
};

/// Counts the batches that a model is asked for and their samples.
template <class Model>
struct counting {
  Model model;
  std::vector<std::int64_t> batches = {};

  at::Tensor operator()(const at::Tensor& x) {
    batches.push_back(x.size(0));
    return model(x);
  }
  [[nodiscard]] std::int64_t samples() const {
    std::int64_t sum = 0;
    for (const std::int64_t batch : batches) {
      sum += batch;
    }
    return sum;
  }
};

template <class Model>
counting(Model) -> counting<Model>;

/// Labels of two_class that it always gives: the margin is lost by far everywhere in the box.
redoubt::testing::linear_classifier never_fooled(std::int64_t inputs) {
  return two_class(uniform({inputs, 1}, 5, -1, 1).flatten(), 100);
}

at::Tensor ones_like_labels(const at::Tensor& x) {
  return at::ones({x.size(0)}, at::kLong);
}

/// The margin, climbed or descended as each sample's own sign says.
struct signed_margin {
  at::Tensor sign;

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    return redoubt::margin{}(logits, y).mul(sign);
  }
  [[nodiscard]] signed_margin at(const at::Tensor& rows) const { return {sign.index_select(0, rows)}; }
};

double cross_entropy_of(const smooth_net& net, const at::Tensor& x, const at::Tensor& y) {
  return redoubt::cross_entropy{}(net(x), y).sum().item<double>();
}

}  // namespace

// The optimum over a linear classifier.

TEST_CASE("pgd: over linf a linear margin's optimum is the corner of the ball, clipped to the box") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.01F, 3.0F});
  const at::Tensor x = uniform({30, 4}, 1);
  for (const double radius : {0.05, 0.4}) {
    for (const bool random_start : {false, true}) {
      const pgd attack{linf{radius}, {.step = radius / 4, .steps = 10, .random_start = random_start}};
      const at::Tensor optimum = x.sub(w.sign(), radius).clamp(0, 1);
      CHECK(largest(attack(two_class(w), x, ones_like_labels(x)).sub(optimum)) < 1e-7);
    }
  }
}

TEST_CASE("pgd: over l2 a linear margin's optimum is the gradient scaled to the radius") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.01F, 3.0F});
  const at::Tensor x = uniform({30, 4}, 1, 0.4, 0.6);
  for (const bool random_start : {false, true}) {
    pgd_options options{.step = 0.1, .steps = 60, .random_start = random_start, .keep = iterate::last};
    const at::Tensor optimum = x.sub(w.div(w.norm()), 0.3);
    CHECK(largest(pgd{l2{0.3}, options}(two_class(w), x, ones_like_labels(x)).sub(optimum)) < 1e-6);
    // The best point is the first of those whose losses float32 does not tell apart.
    options.keep = iterate::best;
    CHECK(largest(pgd{l2{0.3}, options}(two_class(w), x, ones_like_labels(x)).sub(optimum)) < 1e-3);
  }
}

TEST_CASE("pgd: over l2 in a box it comes within 2 % of the optimum, which has a closed form") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.25F, 3.0F, -1.0F, 1.0F});
  const at::Tensor x = uniform({30, 6}, 1);
  const double radius = 0.8;
  // The optimum is clamp(x - t w) for the t at which its distance from x is the radius: found by bisection.
  at::Tensor low = at::zeros({30, 1}, at::kDouble);
  at::Tensor high = at::full({30, 1}, 100.0, at::kDouble);
  const at::Tensor exact = x.to(at::kDouble);
  for (int i = 0; i < 60; ++i) {
    const at::Tensor middle = low.add(high).div(2);
    const at::Tensor far = exact.sub(middle.mul(w)).clamp(0, 1).sub(exact).norm(2, 1, true).gt(radius);
    high = middle.where(far, high);
    low = low.where(far, middle);
  }
  const at::Tensor gain = exact.sub(exact.sub(low.mul(w)).clamp(0, 1)).mv(w.to(at::kDouble));
  const pgd attack{l2{radius}, {.step = 0.05, .steps = 200, .random_start = false}};
  const at::Tensor found = attack(two_class(w), x, ones_like_labels(x));
  CHECK(l2::length(found.sub(x)).max().item<double>() <= radius * (1 + 1e-6));
  const at::Tensor reached = exact.sub(found.to(at::kDouble)).mv(w.to(at::kDouble));
  CHECK(reached.div(gain).min().item<double>() > 0.98);
  CHECK(reached.div(gain).max().item<double>() < 1 + 1e-5);
}

TEST_CASE("pgd: over l1 in a box it comes within 2 % of the optimum: the radius spent where the gradient is largest") {
  const at::Tensor w = uniform({1, 50}, 3, -2, 2).flatten();
  const at::Tensor x = uniform({20, 50}, 1, -0.3, 1.3).clamp(0, 1);
  const double radius = 4;
  // Element after element, largest weight first, as far as the box lets it go, until the radius is spent.
  const at::Tensor order = w.abs().argsort(0, true);
  const at::Tensor room = at::where(w.gt(0), x, x.neg().add(1)).to(at::kDouble).index_select(1, order);
  const at::Tensor before = room.cumsum(1).sub(room);
  const at::Tensor spent = at::minimum(room, before.neg().add(radius).clamp_min(0));
  const at::Tensor gain = spent.mv(w.abs().to(at::kDouble).index_select(0, order));
  for (const bool random_start : {false, true}) {
    const pgd attack{l1{radius}, {.step = radius, .steps = 100, .random_start = random_start}};
    const at::Tensor found = attack(two_class(w), x, ones_like_labels(x));
    CHECK(l1::length(found.sub(x)).max().item<double>() <= radius * (1 + 1e-6));
    const at::Tensor reached = x.sub(found).to(at::kDouble).mv(w.to(at::kDouble));
    CHECK(reached.div(gain).min().item<double>() > 0.98);
    CHECK(reached.div(gain).max().item<double>() < 1 + 1e-5);
  }
}

TEST_CASE("pgd: over l0 it finds the elements that gain most in the box, and moves each to its end") {
  const at::Tensor w = uniform({1, 50}, 3, -2, 2).flatten();
  const at::Tensor x = uniform({20, 50}, 1, -0.3, 1.3).clamp(0, 1);
  const at::Tensor gains = at::where(w.gt(0), x, x.neg().add(1)).mul(w.abs()).to(at::kDouble);
  const at::Tensor gain = std::get<0>(gains.topk(5, 1)).sum(1);
  const pgd attack{l0{5}, {.step = 50, .steps = 20}};
  const at::Tensor found = attack(two_class(w), x, ones_like_labels(x));
  CHECK(l0::length(found.sub(x)).max().item<double>() <= 5);
  const at::Tensor reached = x.sub(found).to(at::kDouble).mv(w.to(at::kDouble));
  CHECK(reached.div(gain).min().item<double>() > 0.9);
  CHECK(reached.div(gain).max().item<double>() < 1 + 1e-5);
}

// Steps.

TEST_CASE("pgd: K steps of length a reach a radius of K a: the last step counts") {
  const at::Tensor w = at::tensor({3.0F, -4.0F});
  const at::Tensor x = at::full({1, 2}, 0.5);
  for (const iterate keep : {iterate::best, iterate::last}) {
    for (const int steps : {1, 3, 7}) {
      const pgd_options options{.step = 1. / 255, .steps = steps, .random_start = false, .keep = keep};
      const at::Tensor y = ones_like_labels(x);
      const at::Tensor over_linf = pgd{linf{8. / 255}, options}(two_class(w), x, y);
      CHECK(largest(over_linf.sub(x)) == doctest::Approx(steps / 255.).epsilon(1e-5));
      const at::Tensor over_l2 = pgd{l2{8. / 255}, options}(two_class(w), x, y);
      CHECK(l2::length(over_l2.sub(x)).item<double>() == doctest::Approx(steps / 255.).epsilon(1e-5));
    }
  }
}

TEST_CASE("pgd: neither the logits' scale nor the size of the batch changes the length of a step") {
  const auto [net, x, y] = task::make(1, 64);
  const pgd attack{l2{1}, {.step = 0.1, .steps = 1, .random_start = false, .box = {-9, 9}, .keep = iterate::last}};
  const at::Tensor expected = at::full({64}, 0.1);
  const at::Tensor all = attack(net, x, y).sub(x);
  CHECK(at::allclose(l2::length(all), expected, 1e-5));
  for (const double scale : {1e-6, 0.1, 5.0}) {
    CAPTURE(scale);
    const auto scaled = [&, &net = net](const at::Tensor& point) { return net(point).mul(scale); };
    CHECK(at::allclose(l2::length(attack(scaled, x, y).sub(x)), expected, 1e-5));
  }
  for (std::int64_t i = 0; i < 5; ++i) {
    const at::Tensor alone = attack(net, x.narrow(0, i, 1), y.narrow(0, i, 1)).sub(x.narrow(0, i, 1));
    CHECK(at::allclose(alone, all.narrow(0, i, 1), 1e-4, 1e-6));
  }
}

TEST_CASE("pgd: the same scaling of the logits moves a margin attack in no other way") {
  const auto [net, x, y] = task::make(2);
  const pgd attack{linf{0.1}, {.step = 0.02, .steps = 5, .loss = redoubt::margin{}, .keep = iterate::last}};
  const auto scaled = [&net = net](const at::Tensor& point) { return net(point).mul(16); };
  CHECK(largest(attack(net, x, y).sub(attack(scaled, x, y))) < 1e-6);
}

TEST_CASE("pgd: costs K forwards, one more where it looks at the last point") {
  const auto [net, x, y] = task::make(3);
  for (const auto& [keep, expected] : {std::pair{iterate::last, 6U}, std::pair{iterate::best, 7U}}) {
    counting model{never_fooled(12)};
    (void)pgd{linf{0.1}, {.steps = 6, .keep = keep}}(model, x, ones_like_labels(x));
    CHECK(model.batches.size() == expected);
  }
}

TEST_CASE("pgd: the best point is at least as good as the last, sample by sample") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  int better = 0;
  for (std::uint64_t trial = 0; trial < 10; ++trial) {
    const task given = task::make(seed + 100 * trial);
    // Steps as long as the ball is wide: the iterates jump about.
    pgd_options options{.step = 0.16, .steps = 6, .seed = trial};
    const at::Tensor best = pgd{linf{0.08}, options}(given.net, given.x, given.y);
    options.keep = iterate::last;
    const at::Tensor last = pgd{linf{0.08}, options}(given.net, given.x, given.y);
    const at::Tensor best_fooled = given.fooled(best);
    const at::Tensor last_fooled = given.fooled(last);
    CHECK(count(last_fooled.logical_and(best_fooled.logical_not())) == 0);
    const at::Tensor best_loss = redoubt::cross_entropy{}(given.net(best), given.y);
    const at::Tensor last_loss = redoubt::cross_entropy{}(given.net(last), given.y);
    const at::Tensor same = best_fooled.eq(last_fooled);
    CHECK(best_loss.ge(last_loss.sub(1e-5)).logical_or(same.logical_not()).all().item<bool>());
    better += count(best_loss.gt(last_loss.add(1e-3))) > 0 ? 1 : 0;
  }
  CHECK(better > 0);
}

// Restarts.

TEST_CASE("pgd: restarts only help, and attack only what no earlier one has fooled") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  int helped = 0;
  for (std::uint64_t trial = 0; trial < 8; ++trial) {
    const task given = task::make(seed + 100 * trial, 60);
    std::vector<at::Tensor> fooled;
    counting model{given.net};
    for (int restarts = 1; restarts <= 4; ++restarts) {
      model.batches.clear();
      const pgd attack{linf{0.1}, {.step = 0.2, .steps = 2, .restarts = restarts, .seed = trial}};
      fooled.push_back(given.fooled(attack(model, given.x, given.y)));
      if (restarts > 1) {
        CHECK(count(fooled[fooled.size() - 2].logical_and(fooled.back().logical_not())) == 0);
      }
    }
    helped += count(fooled.back()) > count(fooled.front()) ? 1 : 0;
    // Three forwards a restart, over what the one before left.
    std::vector<std::int64_t> expected(3, 60);
    for (std::size_t restart = 1; restart < 4; ++restart) {
      const std::int64_t left = 60 - count(fooled[restart - 1]);
      expected.insert(expected.end(), left == 0 ? 0 : 3, left);
    }
    CHECK(model.batches == expected);
  }
  CHECK(helped > 0);
}

TEST_CASE("pgd: restarts keep the last point's outcome too where the last points are wanted") {
  const task given = task::make(4, 60);
  const auto fooled_with = [&](int restarts) {
    const pgd attack{linf{0.1}, {.step = 0.2, .steps = 2, .restarts = restarts, .keep = iterate::last}};
    return given.fooled(attack(given.net, given.x, given.y));
  };
  const at::Tensor one = fooled_with(1);
  const at::Tensor four = fooled_with(4);
  CHECK(count(one.logical_and(four.logical_not())) == 0);
  CHECK(count(four) > count(one));
}

TEST_CASE("pgd: each restart starts elsewhere, where the ball's own draw says") {
  const at::Tensor x = uniform({5, 6}, 1, 0.3, 0.7);
  std::vector<at::Tensor> seen;
  const auto model = [&, inner = never_fooled(6)](const at::Tensor& point) {
    seen.push_back(point.detach().clone());
    return inner(point);
  };
  const at::Tensor rows = at::tensor({7, 3, 11, 0, 5}, at::kLong);
  const auto check_starts = [&](const auto& ball) {
    seen.clear();
    (void)pgd{ball, {.step = 0.01, .steps = 2, .restarts = 3, .seed = 42}}(model, x, ones_like_labels(x), rows);
    REQUIRE(seen.size() == 9);
    for (std::size_t restart = 0; restart < 3; ++restart) {
      const redoubt::draw where{.seed = 42, .restart = static_cast<std::uint32_t>(restart)};
      CHECK(at::equal(seen[3 * restart], x.add(ball.sample(x, rows, where)).clamp(0, 1)));
    }
    CHECK_FALSE(at::equal(seen[0], seen[3]));
    CHECK_FALSE(at::equal(seen[3], seen[6]));
  };
  check_starts(linf{0.2});
  check_starts(l2{0.2});
  check_starts(l1{0.2});
  check_starts(l0{2});
}

TEST_CASE("pgd: without a random start it begins at x") {
  const at::Tensor x = uniform({5, 6}, 1);
  at::Tensor first;
  const auto model = [&, inner = never_fooled(6)](const at::Tensor& point) {
    if (!first.defined()) {
      first = point.detach().clone();
    }
    return inner(point);
  };
  (void)pgd{linf{0.2}, {.random_start = false}}(model, x, ones_like_labels(x));
  CHECK(at::equal(first, x));
}

TEST_CASE("pgd: stops as soon as every sample is fooled") {
  const at::Tensor x = uniform({5, 6}, 1);
  counting model{never_fooled(6)};
  (void)pgd{linf{0.2}, {.steps = 3, .restarts = 50}}(model, x, at::zeros({5}, at::kLong));
  CHECK(model.batches.size() == 4);
}

// What the result promises.

TEST_CASE("pgd: results lie in ball and box, with x's shape, type and memory format") {
  const auto net = smooth_net::make(24, 4, 1);
  struct precision {
    at::ScalarType type;
    double rounding;
  };
  for (const precision& with : {precision{at::kFloat, 0x1p-24}, precision{at::kDouble, 0x1p-24},
                                precision{at::kHalf, 0x1p-11}, precision{at::kBFloat16, 0x1p-8}}) {
    CAPTURE(std::string{c10::toString(with.type)});
    for (const at::MemoryFormat format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
      const at::Tensor x = uniform({10, 2, 4, 3}, 2).to(with.type).contiguous(format);
      const at::Tensor y = labels(10, 4, 3);
      const auto check_result = [&](const auto& ball, double radius, const pgd_options& options) {
        const at::Tensor before = x.clone();
        const at::Tensor found = pgd{ball, options}(net, x, y);
        CHECK((found.scalar_type() == with.type));
        CHECK(found.sizes() == x.sizes());
        CHECK(found.strides() == x.strides());
        CHECK_FALSE(found.requires_grad());
        CHECK(at::equal(x, before));
        const at::Tensor exact = found.to(at::kDouble);
        CHECK(exact.min().item<double>() >= 0);
        CHECK(exact.max().item<double>() <= 1);
        // Each element is rounded once: at most rounding in linf, sqrt(24) roundings in l2.
        const double length = ball.length(exact.sub(x.to(at::kDouble))).max().template item<double>();
        CHECK(length <= radius + 5 * with.rounding);
        CHECK(length > 0.5 * radius);
      };
      for (const iterate keep : {iterate::best, iterate::last}) {
        for (const bool random_start : {true, false}) {
          const pgd_options options{.step = 0.05, .random_start = random_start, .restarts = 2, .keep = keep};
          check_result(linf{0.1}, 0.1, options);
          check_result(l2{0.5}, 0.5, options);
        }
      }
    }
  }
}

TEST_CASE("pgd: float32 exceeds the radius by no more than a rounding of x") {
  const task given = task::make(5, 200);
  const at::Tensor found = pgd{linf{8. / 255}, {}}(given.net, given.x, given.y);
  const at::Tensor d = found.to(at::kDouble).sub(given.x.to(at::kDouble));
  CHECK(linf::length(d).max().item<double>() <= 8. / 255 + 6e-8);
}

TEST_CASE("pgd: a radius of zero returns x, bit by bit") {
  const task given = task::make(6);
  CHECK(at::equal(pgd{linf{0}, {}}(given.net, given.x, given.y), given.x));
  CHECK(at::equal(pgd{l2{0}, {}}(given.net, given.x, given.y), given.x));
}

TEST_CASE("pgd: another box moves the clip with it") {
  const at::Tensor x = uniform({20, 4}, 1, -2, 3);
  const at::Tensor w = at::tensor({1.0F, -1.0F, 1.0F, -1.0F});
  const pgd attack{linf{0.5}, {.step = 0.2, .steps = 10, .box = {-2, 3}}};
  const at::Tensor found = attack(two_class(w), x, ones_like_labels(x));
  CHECK(largest(found.sub(x.sub(w, 0.5).clamp(-2, 3))) < 1e-6);
}

TEST_CASE("pgd: takes views and inputs that want a gradient, and leaves both alone") {
  const task given = task::make(7);
  const at::Tensor expected = pgd{linf{0.1}, {}}(given.net, given.x, given.y);
  at::Tensor wide = at::zeros({40, 24});
  wide.slice(1, 0, 24, 2).copy_(given.x);
  CHECK(at::allclose(pgd{linf{0.1}, {}}(given.net, wide.slice(1, 0, 24, 2), given.y), expected, 1e-4, 1e-5));
  const at::Tensor wants = given.x.clone().requires_grad_();
  const at::Tensor found = pgd{linf{0.1}, {}}(given.net, wants, given.y);
  CHECK_FALSE(found.requires_grad());
  CHECK_FALSE(wants.grad().defined());
  CHECK(wants.requires_grad());
}

TEST_CASE("pgd: radii and steps per sample do to each sample what numbers do to it alone") {
  const task given = task::make(8, 12);
  const at::Tensor radii = uniform({12, 1}, 1, 0, 0.2).flatten();
  const at::Tensor steps = radii.div(3);
  const auto check_each = [&]<class Ball>(std::type_identity<Ball>) {
    pgd_options options{.step = steps, .steps = 4, .restarts = 2};
    const at::Tensor all = pgd{Ball{radii}, options}(given.net, given.x, given.y);
    CHECK(Ball::length(all.sub(given.x)).le(radii.add(1e-6)).all().template item<bool>());
    for (std::int64_t i = 0; i < 12; ++i) {
      pgd_options alone = options;
      alone.step = steps[i].template item<double>();
      const at::Tensor one = pgd{Ball{radii[i].template item<double>()}, alone}(
          given.net, given.x.narrow(0, i, 1), given.y.narrow(0, i, 1), first_rows(12).narrow(0, i, 1));
      CHECK(largest(one.sub(all.narrow(0, i, 1))) < 1e-4);
    }
    options.drop_fooled = true;
    CHECK(at::equal(given.fooled(pgd{Ball{radii}, options}(given.net, given.x, given.y)), given.fooled(all)));
  };
  check_each(std::type_identity<linf>{});
  check_each(std::type_identity<l2>{});
  check_each(std::type_identity<l1>{});
}

TEST_CASE("pgd: a sample's outcome is the same in any batch, order, and company") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 12; ++trial) {
    CAPTURE(trial);
    const std::int64_t samples = 2 + random.below(20);
    const task given = task::make(random(), samples, 3 + random.below(30), 2 + random.below(6));
    const at::Tensor rows = uniform({samples, 1}, random(), 0, 1e5).flatten().to(at::kLong);
    const pgd_options options{.step = 0.03,
                              .steps = 1 + static_cast<int>(random.below(6)),
                              .restarts = 1 + static_cast<int>(random.below(3)),
                              .seed = random(),
                              .drop_fooled = random.below(2) == 0};
    const at::Tensor order = uniform({samples, 1}, random()).flatten().argsort();
    const at::Tensor some = order.narrow(0, 0, 1 + random.below(static_cast<std::uint32_t>(samples)));
    const auto check_ball = [&](const auto& ball) {
      const pgd attack{ball, options};
      const at::Tensor outcome = given.fooled(attack(given.net, given.x, given.y, rows));
      for (const at::Tensor& taken : {order, some}) {
        const at::Tensor x = given.x.index_select(0, taken);
        const at::Tensor found = attack(given.net, x, given.y.index_select(0, taken), rows.index_select(0, taken));
        CHECK(at::equal(predictions(given.net, found).ne(given.y.index_select(0, taken)),
                        outcome.index_select(0, taken)));
      }
    };
    check_ball(linf{0.02 + 0.1 * random.uniform()});
    check_ball(l2{0.05 + 0.4 * random.uniform()});
    check_ball(l1{0.05 + 0.9 * random.uniform()});
    check_ball(l0{1.0 + random.below(4)});
  }
}

TEST_CASE("pgd: a sample's outcome does not depend on the number of threads") {
  // More elements than LibTorch gives to one thread.
  const task given = task::make(14, 180, 200);
  const int threads = at::get_num_threads();
  const auto outcome = [&](int wanted) {
    at::set_num_threads(wanted);
    return given.fooled(pgd{l2{0.2}, {.step = 0.01, .steps = 2}}(given.net, given.x, given.y));
  };
  CHECK(at::equal(outcome(1), outcome(2)));
  at::set_num_threads(threads);
}

TEST_CASE("pgd: random starts come from the seed: the same again, other ones with another") {
  const auto model = never_fooled(6);
  const at::Tensor x = uniform({5, 6}, 1, 0.4, 0.6);
  const auto start = [&](std::uint64_t seed) {
    // A step of zero stays at the start.
    return pgd{linf{0.2}, {.step = 0, .steps = 1, .seed = seed}}(model, x, ones_like_labels(x));
  };
  CHECK(at::equal(start(1), start(1)));
  CHECK_FALSE(at::equal(start(1), start(2)));
}

TEST_CASE("pgd: dropping fooled samples changes no outcome, and saves work") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  std::int64_t all = 0;
  std::int64_t dropped = 0;
  for (std::uint64_t trial = 0; trial < 8; ++trial) {
    const task given = task::make(seed + 100 * trial, 50);
    pgd_options options{.step = 0.02, .steps = 12, .restarts = 2, .seed = trial};
    counting model{given.net};
    const auto without = pgd{linf{0.12}, options}.run(model, given.x, given.y);
    all += model.samples();
    model.batches.clear();
    options.drop_fooled = true;
    const auto with = pgd{linf{0.12}, options}.run(model, given.x, given.y);
    dropped += model.samples();
    CHECK(at::equal(given.fooled(with.adversarial), given.fooled(without.adversarial)));
    CHECK(with.zero_gradient.size(0) == 50);
    CHECK(linf::length(with.adversarial.sub(given.x)).max().item<double>() <= 0.12 + 1e-7);
  }
  CHECK(2 * dropped < all + all / 2);
}

// Targets, losses, gradients of zero.

TEST_CASE("pgd: targeted, it climbs towards the target and reports the samples that arrived") {
  const task given = task::make(9);
  const at::Tensor target = given.y.add(1).remainder(4);
  const pgd attack{linf{0.3}, {.step = 0.03, .steps = 20, .targeted = true}};
  const at::Tensor found = attack(given.net, given.x, target);
  CHECK(cross_entropy_of(given.net, found, target) < 0.5 * cross_entropy_of(given.net, given.x, target));
  CHECK(count(predictions(given.net, found).eq(target)) > 20);
  // With restarts and drops the arrivals can only grow.
  const pgd again{linf{0.3}, {.step = 0.03, .steps = 20, .restarts = 3, .targeted = true, .drop_fooled = true}};
  const at::Tensor arrived = predictions(given.net, again(given.net, given.x, target)).eq(target);
  CHECK(count(predictions(given.net, found).eq(target).logical_and(arrived.logical_not())) == 0);
}

TEST_CASE("pgd: the loss of the options is the one that is climbed, and follows its samples") {
  const auto model = two_class(at::tensor({1.0F, -2.0F, 0.5F}), 1);
  const at::Tensor x = at::full({5, 3}, 0.5);
  // The middle sample is fooled as it is: a restart goes on without it.
  const at::Tensor y = at::tensor({1, 1, 0, 1, 1}, at::kLong);
  const signed_margin loss{at::tensor({1.0F, -1.0F, 1.0F, 1.0F, -1.0F})};
  const pgd_options options{.step = 0.1, .steps = 1, .random_start = false, .restarts = 2, .loss = loss};
  const at::Tensor d = pgd{linf{0.1}, options}(model, x, y).sub(x);
  const at::Tensor down = at::tensor({-0.1F, 0.1F, -0.1F});
  const at::Tensor up = down.neg();
  CHECK(at::allclose(d, at::stack({down, up, up, down, up}), 1e-5, 1e-7));
}

TEST_CASE("pgd: gradients of exactly zero are counted, and margin and dlr do not have them") {
  const task given = task::make(10);
  const auto confident = [&](const at::Tensor& x) { return given.net(x).mul(1000); };
  pgd_options options{.step = 0.02, .random_start = false};
  const auto saturated = pgd{linf{0.1}, options}.run(confident, given.x, given.y);
  const at::Tensor moved = linf::length(saturated.adversarial.sub(given.x)).gt(0);
  CHECK(count(saturated.zero_gradient) > 20);
  CHECK(at::equal(saturated.zero_gradient, moved.logical_not()));
  for (const redoubt::loss_function& loss : {redoubt::loss_function{redoubt::margin{}}, {redoubt::dlr{}}}) {
    options.loss = loss;
    const auto alive = pgd{linf{0.1}, options}.run(confident, given.x, given.y);
    CHECK(count(alive.zero_gradient) == 0);
    CHECK(count(given.fooled(alive.adversarial)) > count(given.fooled(saturated.adversarial)));
  }
  options.loss = redoubt::cross_entropy{};
  CHECK(count(pgd{linf{0.1}, options}.run(given.net, given.x, given.y).zero_gradient) == 0);
}

TEST_CASE("pgd: a sample without a gradient at its start is counted in whichever restart that was") {
  const at::Tensor x = at::full({3, 2}, 0.5);
  int calls = 0;
  const auto flat_at_first = [&](const at::Tensor& point) {
    const double slope = ++calls == 1 ? 0 : 1;
    return two_class(at::tensor({1.0F, 1.0F}), 100)(point).mul(slope).add(at::tensor({0.0F, 1.0F}));
  };
  const pgd attack{linf{0.1}, {.steps = 1, .restarts = 3, .loss = redoubt::margin{}}};
  CHECK(attack.run(flat_at_first, x, ones_like_labels(x)).zero_gradient.all().item<bool>());
}

TEST_CASE("pgd: a model that answers NaN somewhere is fooled there, and the rest goes on") {
  const auto model = [](const at::Tensor& x) {
    const at::Tensor logits = two_class(at::tensor({1.0F, 1.0F}), 100)(x);
    return logits.masked_fill(x.select(1, 0).gt(0.55).unsqueeze(1), std::numeric_limits<double>::quiet_NaN());
  };
  const at::Tensor x = at::tensor({0.2F, 0.2F, 0.9F, 0.9F}).view({2, 2});
  const at::Tensor found =
      pgd{linf{0.1}, {.step = 0.03, .random_start = false, .loss = redoubt::margin{}}}(model, x, ones_like_labels(x));
  CHECK(found.isfinite().all().item<bool>());
  CHECK(at::allclose(found[0], at::full({2}, 0.1), 1e-5, 1e-6));
}

TEST_CASE("pgd: logits of another floating-point type than x are no obstacle") {
  const task given = task::make(11);
  for (const at::ScalarType type : {at::kDouble, at::kBFloat16}) {
    const auto model = [&](const at::Tensor& x) { return given.net(x).to(type); };
    const at::Tensor found = pgd{linf{0.1}, {.restarts = 2, .drop_fooled = true}}(model, given.x, given.y);
    CHECK((found.scalar_type() == at::kFloat));
    CHECK(count(given.fooled(found)) > 0);
  }
}

TEST_CASE("pgd: no samples are an empty result, and the model is not asked") {
  counting model{never_fooled(3)};
  const at::Tensor x = at::empty({0, 3}, at::kHalf);
  const auto result = pgd{linf{0.1}, {}}.run(model, x, at::empty({0}, at::kLong));
  CHECK(result.adversarial.sizes() == x.sizes());
  CHECK((result.adversarial.scalar_type() == at::kHalf));
  CHECK(result.zero_gradient.numel() == 0);
  CHECK(model.batches.empty());
}

// Errors name the value.

TEST_CASE("pgd: options out of range are named") {
  const auto model = never_fooled(3);
  const at::Tensor x = at::full({2, 3}, 0.5);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [&](const linf& ball, const pgd_options& options, const char* message) {
    CHECK_THROWS_WITH_AS((void)(pgd{ball, options}(model, x, ones_like_labels(x))), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(linf{-0.1}, {}, "pgd: the ball's radius must be finite and not negative, got -0.1");
  refused(linf{nan}, {}, "pgd: the ball's radius must be finite and not negative, got nan");
  refused(linf{at::ones({3})}, {}, "pgd: the ball's radius must be a number or one per sample [2]");
  refused(linf{at::tensor({0.1F, -2.0F})}, {}, "spans [-2, 0.1]");
  refused(linf{0.1}, {.step = -1}, "pgd: step must be finite and not negative, got -1");
  refused(linf{0.1}, {.step = nan}, "pgd: step must be finite and not negative, got nan");
  refused(linf{0.1}, {.steps = 0}, "pgd: steps must be at least 1, got 0");
  refused(linf{0.1}, {.restarts = 0}, "pgd: restarts must lie in [1, 65535], got 0");
  refused(linf{0.1}, {.restarts = 65536}, "got 65536");
  refused(linf{0.1}, {.box = {1, 0}}, "pgd: the box needs finite bounds, lower < upper; got [1, 0]");
}

TEST_CASE("pgd: inputs that cannot be attacked are named, before the model is asked") {
  counting model{never_fooled(3)};
  const at::Tensor x = at::full({2, 3}, 0.5);
  const at::Tensor y = ones_like_labels(x);
  const auto refused = [&](const at::Tensor& input, const at::Tensor& label, const at::Tensor& rows,
                           const char* message) {
    CHECK_THROWS_WITH_AS((void)(pgd{linf{0.1}, {}}(model, input, label, rows)), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(x.mul(3), y, {}, "pgd: the input must lie in the box [0, 1], but spans [1.5, 1.5]");
  refused(x.mul(std::numeric_limits<double>::quiet_NaN()), y, {}, "pgd: the input holds a NaN");
  refused(x.to(at::kByte), y, {}, "pgd: the input must be floating point, got unsigned char");
  refused(x, y.to(at::kInt), {}, "one int64 label per sample [2], got shape [2] of type int");
  refused(x, at::ones({3}, at::kLong), {}, "one int64 label per sample [2], got shape [3]");
  refused(x, y, first_rows(3), "pgd: rows must be one int64 per sample [2], got shape [3]");
  refused(x, y, at::tensor({0, -4}, at::kLong), "row numbers must lie in [0, 2^48), got -4");
  CHECK(model.batches.empty());
}

TEST_CASE("pgd: labels outside the model's classes are named") {
  const task given = task::make(12, 2);
  for (const std::int64_t label : {4, -1}) {
    CHECK_THROWS_WITH_AS(
        (void)(pgd{linf{0.1}, {}}(given.net, given.x, at::full({2}, label, at::kLong))),
        doctest::Contains(
            ("labels must lie in [0, 4), as the model has 4 classes; got " + std::to_string(label)).c_str()),
        std::invalid_argument);
  }
}

TEST_CASE("pgd: a model or a loss that gives no gradient or no logits is named") {
  const task given = task::make(13, 2);
  const auto refused = [&](const auto& model, const pgd_options& options, const char* message) {
    CHECK_THROWS_WITH_AS((void)(pgd{linf{0.1}, options}(model, given.x, given.y)), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused([&](const at::Tensor& x) { return given.net(x).sum(1); }, {}, "got [2] of type float");
  refused([&](const at::Tensor& x) { return given.net(x).narrow(0, 0, 1); }, {}, "got [1, 4]");
  refused([&](const at::Tensor& x) { return given.net(x).argmax(1, true); }, {}, "of type long");
  refused([&](const at::Tensor& x) { return given.net(x).detach(); }, {}, "the model has no gradient");
  refused(
      [&](const at::Tensor& x) {
        const at::NoGradGuard no_gradient;
        return given.net(x);
      },
      {}, "the model has no gradient");
  refused([&](const at::Tensor& x) { return given.net(x.detach()); }, {}, "the loss does not depend on the input");
  refused(given.net, {.loss = [](const at::Tensor&, const at::Tensor& y) { return at::zeros(y.sizes()); }},
          "the loss has no gradient with respect to the logits");
  refused(given.net, {.loss = [](const at::Tensor& z, const at::Tensor&) { return z.mean(); }},
          "one number per sample [2], got shape []");
  CHECK_THROWS_WITH_AS(
      (void)(pgd{linf{0.1}, {.loss = redoubt::dlr{}}}(two_class(at::ones({12})), given.x, at::zeros({2}, at::kLong))),
      doctest::Contains("dlr: needs at least 3 classes, the model has 2"), std::invalid_argument);
}
