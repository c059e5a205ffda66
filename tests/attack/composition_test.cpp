// Loss, ball, step rule, start, input transform and stopping rule are independent parts. Under each of them, a user's
// own included, a sample's outcome hangs on the sample alone: not on its batch, order, company or the number of
// threads.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <doctest/doctest.h>

#include <map>
#include <redoubt/attack/composed.hpp>
#include <redoubt/attack/diverse_input.hpp>
#include <redoubt/attack/momentum.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/scale_invariant.hpp>
#include <redoubt/attack/spsa.hpp>
#include <redoubt/attack/translation_invariant.hpp>
#include <redoubt/loss/dlr.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <string>

#include "../models.hpp"

using redoubt::draw;
using redoubt::linf;
using redoubt::per_sample;
using redoubt::pgd;
using redoubt::pgd_options;
using redoubt::step_view;
using redoubt::testing::count;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::uniform;

namespace {

// A user's own parts, each with state per sample and in a few lines.

/// The margin times each sample's own weight, of either sign.
struct own_loss {
  at::Tensor weight;

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    return redoubt::margin{}(logits, y).mul(weight);
  }
  [[nodiscard]] own_loss at(const at::Tensor& rows) const { return {weight.index_select(0, rows)}; }
};

/// linf's heir: what it inherits knows nothing of what it replaces.
struct half_linf : linf {
  at::Tensor& project_(at::Tensor& d) const { return radius.times(0.5).clamp_(d); }
  [[nodiscard]] half_linf at(const at::Tensor& rows) const { return {radius.at(rows)}; }
};
static_assert(redoubt::steps_at_once<linf> && redoubt::steps_at_once<redoubt::l2>);
static_assert(redoubt::a_ball<half_linf> && !redoubt::steps_at_once<half_linf>);

/// linf that leaves each sample's masked elements alone.
struct own_ball {
  redoubt::extent radius;
  at::Tensor free;  ///< [N, ...], 1 where an element may change, else 0

  static at::Tensor length(const at::Tensor& d) { return linf::length(d); }
  at::Tensor& project_(at::Tensor& d) const { return radius.clamp_(d.mul_(free)); }
  [[nodiscard]] at::Tensor steepest(const at::Tensor& g) const { return g.sign().mul(free); }
  [[nodiscard]] at::Tensor sample(const at::Tensor& like, const at::Tensor& rows, const draw& where) const {
    return linf{radius}.sample(like, rows, where).mul(free);
  }
  [[nodiscard]] own_ball at(const at::Tensor& rows) const { return {radius.at(rows), free.index_select(0, rows)}; }
};

/// Halves a sample's step whenever its loss fell.
struct own_rule {
  at::Tensor size = {};
  at::Tensor last = {};

  template <redoubt::a_ball Ball>
  at::Tensor next(const Ball& ball, const step_view& now) {
    size = size.defined() ? size.mul(now.loss.lt(last).mul(-0.5).add(1)) : at::ones_like(now.loss);
    last = now.loss;
    at::Tensor step = ball.steepest(now.gradient).mul(per_sample(size, now.x));
    return now.point.sub(now.x).add(now.length.scale_(step));
  }
  [[nodiscard]] own_rule at(const at::Tensor& rows) const {
    return {redoubt::tensor_at(size, rows), redoubt::tensor_at(last, rows)};
  }
};

/// Each sample's own perturbation, the other way round in every second restart.
struct own_start {
  at::Tensor d;

  at::Tensor operator()(const at::Tensor&, const at::Tensor&, const draw& where) const {
    return where.restart % 2 == 0 ? d : d.neg();
  }
  [[nodiscard]] own_start at(const at::Tensor& rows) const { return {d.index_select(0, rows)}; }
};

/// Each sample in its own contrast.
struct own_transform {
  at::Tensor contrast;

  at::Tensor operator()(const at::Tensor& point, const at::Tensor&, const draw&) const {
    return point.mul(per_sample(contrast, point));
  }
  [[nodiscard]] own_transform at(const at::Tensor& rows) const { return {contrast.index_select(0, rows)}; }
};

/// Done once a sample's loss exceeds its own bound.
struct own_stop {
  at::Tensor bound;

  at::Tensor operator()(const step_view& now) const { return now.loss.gt(bound); }
  [[nodiscard]] own_stop at(const at::Tensor& rows) const { return {bound.index_select(0, rows)}; }
};

/// The attack on the samples `rows` of those that it was made for.
template <class Ball, class Rule>
pgd<Ball, Rule> follow(const pgd<Ball, Rule>& attack, const at::Tensor& rows) {
  pgd<Ball, Rule> some = attack;
  some.ball = redoubt::at_rows(attack.ball, rows);
  some.rule = redoubt::at_rows(attack.rule, rows);
  some.options.step = attack.options.step.at(rows);
  some.options.loss = attack.options.loss.at(rows);
  some.options.start = attack.options.start.at(rows);
  some.options.transform = attack.options.transform.at(rows);
  some.options.stop = attack.options.stop.at(rows);
  return some;
}

/// A net, images of a random shape, which sample each is, and the net's own labels; in double, so that no outcome hangs
/// on a rounding.
struct task {
  smooth_net net;
  at::Tensor x;
  at::Tensor y;
  at::Tensor rows;

  static task random(redoubt::philox_sequence& random) {
    const std::int64_t samples = 2 + random.below(14);
    const at::Tensor x =
        uniform({samples, 1 + random.below(3), 1 + random.below(6), 1 + random.below(6)}, random()).to(at::kDouble);
    task made{smooth_net::make(x.size(1) * x.size(2) * x.size(3), 2 + random.below(5), random()), x, {}, {}};
    made.y = predictions(made.net, x);
    made.rows = uniform({samples, 1}, random(), 0, 1e6).flatten().to(at::kLong);
    return made;
  }

  [[nodiscard]] task at(const at::Tensor& taken) const {
    return {net, x.index_select(0, taken), y.index_select(0, taken), rows.index_select(0, taken)};
  }

  template <class Attack>
  [[nodiscard]] at::Tensor outcome(const Attack& attack) const {
    return predictions(net, attack(net, x, y, rows)).ne(y);
  }
};

/// Calls `check(name, has_state, attack)` with every part, one after the other and all of a user's at once.
template <class Check>
void with_each_part(const task& given, redoubt::philox_sequence& random, const Check& check) {
  const std::int64_t samples = given.x.size(0);
  const auto each = [&](double low, double high) {
    return uniform({samples, 1}, random(), low, high).flatten().to(at::kDouble);
  };
  const auto like_x = [&](double low, double high) {
    return uniform(given.x.sizes(), random(), low, high).to(at::kDouble);
  };
  const double radius = 0.05 + 0.2 * random.uniform();
  const linf ball{radius};
  const pgd_options plain{.step = radius / 3,
                          .steps = 2 + static_cast<int>(random.below(5)),
                          .restarts = 1 + static_cast<int>(random.below(2)),
                          .seed = random(),
                          .drop_fooled = random.below(2) == 0};
  const auto with = [&](const auto& change) {
    pgd_options options = plain;
    change(options);
    return options;
  };
  const own_loss loss{each(-1, 1).sign()};
  const own_start start{like_x(-radius, radius)};
  const own_transform transform{each(-1, 1)};
  const own_stop stop{each(-2, 0)};
  const own_ball masked{radius, like_x(0, 1).gt(0.6).to(at::kDouble)};
  const redoubt::composed chain{redoubt::translation_invariant{.radius = 1}, transform,
                                redoubt::diverse_input{.probability = 0.7, .least = 0.4}};

  check("nothing else", false, pgd{ball, plain});
  check("the loss dlr", false, pgd{ball, with([&](pgd_options& to) {
                                     if (given.net.w2.size(0) > 2) {
                                       to.loss = redoubt::dlr{};
                                     }
                                   })});
  check("a user's loss", true, pgd{ball, with([&](pgd_options& to) { to.loss = loss; })});
  check("a radius and a step per sample", true,
        pgd{redoubt::l2{each(0, 6 * radius)}, with([&](pgd_options& to) { to.step = each(0, radius); })});
  check("a user's ball", true, pgd{masked, plain});
  check("momentum", false, pgd{ball, plain, redoubt::momentum{.decay = 0.8}});
  check("nesterov", false, pgd{redoubt::l2{4 * radius}, plain, redoubt::nesterov{}});
  check("a user's step rule", false, pgd{ball, plain, own_rule{}});
  check("a start at given points", true,
        pgd{ball, with([&](pgd_options& to) { to.start = redoubt::start_at{given.x.add(like_x(-radius, radius))}; })});
  check("a user's start", true, pgd{ball, with([&](pgd_options& to) { to.start = start; })});
  check("a user's transform", true, pgd{ball, with([&](pgd_options& to) { to.transform = transform; })});
  check("transforms in a chain", true, pgd{ball, with([&](pgd_options& to) {
                                             to.transform = chain;
                                             to.eot = 2;
                                           })});
  check("a user's stopping rule", true, pgd{ball, with([&](pgd_options& to) {
                                              to.loss = redoubt::margin{};
                                              to.stop = stop;
                                            })});
  check("all of a user's parts", true,
        pgd{masked, with([&](pgd_options& to) {
              to.loss = loss;
              to.start = start;
              to.transform = transform;
              to.stop = stop;
            }),
            own_rule{}});
}

at::Tensor shuffled(std::int64_t samples, redoubt::philox_sequence& random) {
  return uniform({samples, 1}, random()).flatten().argsort();
}

}  // namespace

TEST_CASE("parts: shuffled and dropped neighbours, batches of any size and order change no sample's outcome") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 10; ++trial) {
    const task given = task::random(random);
    const std::int64_t samples = given.x.size(0);
    CAPTURE(trial);
    CAPTURE(given.x.sizes());
    with_each_part(given, random, [&](const char* part, bool, const auto& attack) {
      CAPTURE(std::string{part});
      const at::Tensor expected = given.outcome(attack);
      const auto check_some = [&](const at::Tensor& taken) {
        CHECK(at::equal(given.at(taken).outcome(follow(attack, taken)), expected.index_select(0, taken)));
      };
      const at::Tensor order = shuffled(samples, random);
      check_some(order);
      check_some(order.narrow(0, 0, 1 + random.below(static_cast<std::uint32_t>(samples))));
      const std::int64_t batch = 1 + random.below(4);
      for (std::int64_t first = 0; first < samples; first += batch) {
        check_some(order.slice(0, first, first + batch));
      }
    });
  }
}

TEST_CASE("parts: dropping fooled samples changes no sample's outcome") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed, 1};
  std::int64_t fooled = 0;
  std::int64_t all = 0;
  for (int trial = 0; trial < 10; ++trial) {
    const task given = task::random(random);
    CAPTURE(trial);
    CAPTURE(given.x.sizes());
    with_each_part(given, random, [&](const char* part, bool, auto attack) {
      CAPTURE(std::string{part});
      attack.options.drop_fooled = false;
      const at::Tensor expected = given.outcome(attack);
      attack.options.drop_fooled = true;
      CHECK(at::equal(given.outcome(attack), expected));
      fooled += count(expected);
      all += expected.size(0);
    });
  }
  // There was something to drop, and something to go on with.
  CHECK(4 * fooled > all);
  CHECK(4 * (all - fooled) > all);
}

TEST_CASE("parts: the tests would show a part that does not follow its samples") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed, 2};
  std::map<std::string, int> noticed;
  for (int trial = 0; trial < 10; ++trial) {
    const task given = task::random(random);
    const at::Tensor order = shuffled(given.x.size(0), random);
    with_each_part(given, random, [&](const char* part, bool has_state, const auto& attack) {
      const at::Tensor expected = given.outcome(attack).index_select(0, order);
      if (has_state) {
        noticed[part] += at::equal(given.at(order).outcome(attack), expected) ? 0 : 1;
      }
    });
  }
  CHECK(noticed.size() == 9);
  for (const auto& part : noticed) {
    CAPTURE(part.first);
    CHECK(part.second > 0);
  }
}

TEST_CASE("parts: the number of threads changes no sample's outcome") {
  redoubt::philox_sequence random{redoubt::testing::random_seed(), 3};
  // More elements than LibTorch gives to one thread.
  task given{smooth_net::make(588, 4, random()),
             uniform({80, 3, 14, 14}, random()).to(at::kDouble),
             {},
             redoubt::testing::first_rows(80)};
  given.y = predictions(given.net, given.x);
  const int threads = at::get_num_threads();
  with_each_part(given, random, [&](const char* part, bool, const auto& attack) {
    CAPTURE(std::string{part});
    at::set_num_threads(1);
    const at::Tensor expected = given.outcome(attack);
    at::set_num_threads(3);
    CHECK(at::equal(given.outcome(attack), expected));
  });
  at::set_num_threads(threads);
}

TEST_CASE("a step rule that gives another shape is named") {
  struct flat_rule {
    at::Tensor next(const linf&, const step_view& now) { return now.x.flatten(); }
  };
  const auto model = redoubt::testing::two_class(at::ones({2}));
  CHECK_THROWS_WITH_AS((void)(pgd{linf{0.1}, {}, flat_rule{}}(model, at::ones({3, 2}), at::ones({3}, at::kLong))),
                       doctest::Contains("pgd: the step rule must give a perturbation of shape [3, 2], gave [6]"),
                       std::invalid_argument);
}

TEST_CASE("a step rule's own tensors are not changed by what is done to its step") {
  struct steady_rule {
    at::Tensor d;
    [[nodiscard]] at::Tensor next(const linf&, const step_view&) const { return d; }
  };
  const at::Tensor far = at::full({3, 2}, -7.0F);
  const auto model = redoubt::testing::two_class(at::ones({2}));
  const at::Tensor x = at::full({3, 2}, 0.5F);
  const at::Tensor found = pgd{linf{0.1}, {}, steady_rule{far}}(model, x, at::ones({3}, at::kLong));
  CHECK(at::allclose(found, x.sub(0.1)));
  CHECK(at::equal(far, at::full({3, 2}, -7.0F)));
  const at::Tensor by_scores =
      redoubt::spsa{linf{0.1}, {.steps = 2, .samples = 2}, steady_rule{far}}(model, x, at::ones({3}, at::kLong));
  CHECK(at::allclose(by_scores, x.sub(0.1)));
  CHECK(at::equal(far, at::full({3, 2}, -7.0F)));
}

TEST_CASE("a ball's heir is moved into what the heir says, not into what it inherits a step of") {
  const smooth_net net = smooth_net::make(5, 3, 1);
  const at::Tensor x = uniform({8, 5}, 2);
  const at::Tensor found =
      pgd{half_linf{0.1}, {.step = 0.1, .steps = 4, .random_start = false}}(net, x, net(x).argmax(1));
  CHECK(linf::length(found.sub(x)).max().item<double>() == doctest::Approx(0.05));
}
