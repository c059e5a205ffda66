#include <redoubt/attack/spsa.hpp>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/attack/adam.hpp>
#include <redoubt/attack/momentum.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "../models.hpp"

using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::spsa;
using redoubt::spsa_options;
using redoubt::testing::count;
using redoubt::testing::largest;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(spsa{linf{.radius = 0.1}}), spsa<linf>>);
static_assert(std::is_same_v<decltype(spsa{l2{.radius = 1}, {.step = .1}, redoubt::adam{}}), spsa<l2, redoubt::adam>>);

namespace {

at::Tensor ones_like_labels(const at::Tensor& x) {
  return at::ones({x.size(0)}, at::kLong);
}

template <class Model>
struct counting {
  Model model;
  std::int64_t samples = 0;
  std::int64_t largest_batch = 0;
  double lowest = 1;
  double highest = 0;

  at::Tensor operator()(const at::Tensor& x) {
    samples += x.size(0);
    largest_batch = std::max(largest_batch, x.size(0));
    lowest = std::min(lowest, x.min().item<double>());
    highest = std::max(highest, x.max().item<double>());
    return model(x);
  }
};

template <class Model>
counting(Model) -> counting<Model>;

/// What the attack takes for the gradient, told by the step of a rule of ours.
struct telling {
  std::vector<at::Tensor>* told;

  template <class Ball>
  [[nodiscard]] at::Tensor next(const Ball& /*ball*/, const redoubt::step_view& now) const {
    told->push_back(now.gradient);
    return now.point.sub(now.x);
  }
};

}  // namespace

TEST_CASE("spsa: over linf a linear margin's optimum is the corner of the ball, clipped to the box") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 1.5F, 3.0F});
  const at::Tensor x = uniform({10, 4}, 1);
  const auto model = two_class(w, 100);
  for (const double radius : {0.05, 0.4}) {
    const at::Tensor optimum = x.sub(w.sign(), radius).clamp(0, 1);
    const spsa_options options{.step = radius / 4, .steps = 12};
    CHECK(largest(spsa{linf{radius}, options}(model, x, ones_like_labels(x)).sub(optimum)) < 1e-6);
    const spsa with_adam{linf{radius}, options, redoubt::adam{}};
    CHECK(largest(with_adam(model, x, ones_like_labels(x)).sub(optimum)) < 1e-6);
  }
}

TEST_CASE("spsa: over l2 it comes near a linear margin's optimum, and over l1 within its ball") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 1.5F, 3.0F});
  const at::Tensor x = uniform({10, 4}, 1, 0.4, 0.6);
  const auto model = two_class(w, 100);
  const at::Tensor optimum = x.sub(w.div(w.norm()).mul(0.3));
  const at::Tensor found = spsa{l2{0.3}, {.step = 0.05, .steps = 30}}(model, x, ones_like_labels(x));
  CHECK(largest(found.sub(optimum)) < 0.02);
  const at::Tensor over_l1 = spsa{l1{0.3}, {.step = 0.05, .steps = 30}}(model, x, ones_like_labels(x));
  CHECK(l1::length(over_l1.sub(x)).max().item<double>() < 0.3 * (1 + 1e-5));
  CHECK(x.sub(over_l1).matmul(w).min().item<double>() > 0.8 * 0.3 * 3);
}

TEST_CASE("spsa: the estimate is the gradient's, without bias, with the spread that theory gives") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 1.5F, 3.0F});
  // At the walls, too: the second sample's queries would leave the box on one side.
  const at::Tensor x = at::stack({at::full({4}, 0.5), at::tensor({0.0F, 1.0F, 0.0F, 0.5F})});
  std::vector<at::Tensor> told;
  counting model{two_class(w, 100)};
  const int samples = 2000;
  const spsa attack{linf{0.1}, {.steps = 4, .samples = samples, .delta = 0.05}, telling{&told}};
  (void)attack(model, x, ones_like_labels(x));
  CHECK(told.size() == 4);
  for (const at::Tensor& gradient : told) {
    // The variance of an element is the sum of the others' squares over the number of directions.
    const double spread = w.norm().item<double>() / std::sqrt(samples);
    CHECK(largest(gradient.add(w)) < 4.5 * spread);
    CHECK(largest(gradient.add(w)) > 0);
  }
  CHECK_FALSE(at::equal(told[0], told[1]));
  CHECK(model.lowest >= 0);
  CHECK(model.highest <= 1);
}

TEST_CASE("spsa: it fools nearly what pgd fools on a curved model, over each ball and under each rule") {
  const auto net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({40, 12}, 4);
  const at::Tensor y = predictions(net, x);
  const auto check = [&](const auto& ball, double step) {
    const auto with_gradients =
        redoubt::pgd{ball, {.step = step, .steps = 20, .random_start = false, .loss = redoubt::margin{}}}.run(net, x,
                                                                                                              y);
    const spsa_options options{.step = step, .steps = 20};
    const auto without = spsa{ball, options}.run(net, x, y);
    CHECK(count(with_gradients.fooled) > 5);
    CHECK(count(without.fooled) >= count(with_gradients.fooled) - 3);
    CHECK(at::equal(without.fooled, predictions(net, without.adversarial).ne(y)));
    CHECK(ball.length(without.adversarial.sub(x)).max().template item<double>() <= ball.radius.number() * (1 + 1e-5));
    const auto momentum = spsa{ball, options, redoubt::momentum{}}.run(net, x, y);
    CHECK(count(momentum.fooled) >= count(with_gradients.fooled) - 4);
  };
  check(linf{0.12}, 0.03);
  check(l2{0.3}, 0.08);
}

TEST_CASE("spsa: queries are counted, bounded, and asked in batches of bounded size") {
  const auto net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({40, 12}, 4);
  const at::Tensor y = predictions(net, x);
  at::Tensor found;
  for (const std::int64_t batch : {1, 7, 64, 100000}) {
    CAPTURE(batch);
    counting model{net};
    const auto result = spsa{linf{0.05}, {.steps = 5, .samples = 9, .batch = batch}}.run(model, x, y);
    CHECK(result.queries.sum().item<std::int64_t>() == model.samples);
    CHECK(result.queries.masked_select(result.fooled.logical_not()).eq(5 * 19 + 1).all().item<bool>());
    CHECK(result.queries.max().item<std::int64_t>() == 5 * 19 + 1);
    // The points themselves are looked at as one batch, as every attack does.
    CHECK(model.largest_batch <= std::max<std::int64_t>(batch, 40));
    if (found.defined()) {
      CHECK(largest(found.sub(result.adversarial)) < 1e-5);
    }
    found = result.adversarial;
  }
}

TEST_CASE("spsa: takes a callable and a loss without gradient, and asks without grad mode") {
  const auto remote = [](const at::Tensor& x) {
    CHECK_FALSE(at::GradMode::is_enabled());
    at::Tensor scores = at::zeros({x.size(0), 2});
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      scores[i][1] = 0.5F + 2 * (x[i][0].item<float>() - 0.5F) - (x[i][1].item<float>() - 0.5F);
    }
    return scores;
  };
  const auto in_loops = [](const at::Tensor& z, const at::Tensor&) {
    at::Tensor loss = at::zeros({z.size(0)});
    for (std::int64_t i = 0; i < z.size(0); ++i) {
      loss[i] = z[i][0].item<float>() - z[i][1].item<float>();
    }
    return loss;
  };
  const at::Tensor x = at::full({3, 2}, 0.5);
  const auto found =
      spsa{linf{0.2}, {.step = 0.05, .samples = 8, .loss = in_loops}}.run(remote, x, ones_like_labels(x));
  CHECK(found.fooled.all().item<bool>());
}

TEST_CASE("spsa: batch, order and dropped neighbours change no sample's outcome") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 5; ++trial) {
    const std::int64_t samples = 2 + random.below(12);
    const at::Tensor x = uniform({samples, 1 + random.below(3), 4, 3}, seed).to(at::kDouble);
    const auto net = smooth_net::make(x.numel() / samples, 4, seed + 1);
    const at::Tensor y = predictions(net, x);
    const auto keep = uniform({samples, 1}, seed + 2)
                          .flatten()
                          .argsort()
                          .narrow(0, 0, 1 + random.below(static_cast<std::uint32_t>(samples)));
    const auto check = [&](const auto& attack) {
      const auto whole = attack.run(net, x, y);
      const auto part = attack.run(net, x.index_select(0, keep), y.index_select(0, keep), keep);
      CHECK(at::equal(part.fooled, whole.fooled.index_select(0, keep)));
      CHECK(at::equal(part.queries, whole.queries.index_select(0, keep)));
      CHECK(largest(part.adversarial.sub(whole.adversarial.index_select(0, keep))) < 1e-9);
    };
    const spsa_options options{.step = 0.03, .steps = 8, .samples = 10, .seed = seed};
    check(spsa{linf{0.1}, options});
    check(spsa{l2{0.3}, options, redoubt::adam{}});
    check(spsa{l1{0.6}, options});
  }
}

TEST_CASE("spsa: targeted, it arrives at its targets") {
  const auto net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({30, 12}, 4);
  const at::Tensor target = predictions(net, x).add(1).remainder(4);
  const auto found = spsa{linf{0.4}, {.step = 0.05, .steps = 25, .samples = 32, .targeted = true}}.run(net, x, target);
  CHECK(at::equal(found.fooled, predictions(net, found.adversarial).eq(target)));
  CHECK(count(found.fooled) > 20);
}

TEST_CASE("spsa: odd cases: radius 0, one pixel, a constant model, NaN, no samples, other types and formats") {
  const at::Tensor x = uniform({4, 1, 1, 1}, 8);
  const auto constant = [](const at::Tensor& point) { return at::tensor({1.0F, 2.0F}).expand({point.size(0), 2}); };
  const spsa_options options{.step = 0.05, .steps = 3, .samples = 4};
  const auto flat = spsa{linf{0.1}, options}.run(constant, x, ones_like_labels(x));
  CHECK(at::equal(flat.adversarial, x));
  CHECK(flat.zero_gradient.all().item<bool>());
  CHECK(at::equal(spsa{l2{0.0}, options}(two_class(at::ones({1}), 9), x, ones_like_labels(x)), x));

  const auto nan_above = [](const at::Tensor& p) {
    const at::Tensor logits = two_class(at::tensor({1.0F}), 9)(p);
    return logits.masked_fill(p.flatten(1).gt(0.52), std::numeric_limits<double>::quiet_NaN());
  };
  const at::Tensor half = at::tensor({0.5F, 0.9F}).view({2, 1});
  const auto found = spsa{linf{0.1}, options}.run(nan_above, half, ones_like_labels(half));
  CHECK(found.adversarial.isfinite().all().item<bool>());
  CHECK(found.queries[1].item<std::int64_t>() == 1);

  counting model{two_class(at::ones({3}), 9)};
  CHECK(spsa{l1{0.1}, {}}(model, at::empty({0, 3}), at::empty({0}, at::kLong)).size(0) == 0);
  CHECK(model.samples == 0);

  const at::Tensor images = uniform({3, 3, 4, 5}, 2).contiguous(at::MemoryFormat::ChannelsLast).to(at::kHalf);
  const auto wide = two_class(uniform({60, 1}, 5, -1, 1).flatten(), 100);
  const at::Tensor like = spsa{linf{0.1}, options}(wide, images, ones_like_labels(images));
  CHECK((like.scalar_type() == at::kHalf));
  CHECK(like.is_contiguous(at::MemoryFormat::ChannelsLast));
}

namespace {

/// Gives less than it was asked for: what broadcasts without a word.
struct narrow_rule {
  at::Tensor next(const linf& /*ball*/, const redoubt::step_view& now) { return at::zeros({now.x.size(0), 1}); }
};

}  // namespace

TEST_CASE("spsa: a step rule that gives another shape is refused") {
  const at::Tensor x = at::full({2, 3}, 0.5);
  CHECK_THROWS_WITH_AS(
      (void)(spsa{linf{0.1}, {.steps = 1}, narrow_rule{}}(two_class(at::ones({3}), 9), x, ones_like_labels(x))),
      "spsa: the step rule must give a perturbation of shape [2, 3], gave [2, 1]", std::invalid_argument);
}

TEST_CASE("spsa: options out of range are named, before the model is asked") {
  counting model{two_class(at::ones({3}), 9)};
  const at::Tensor x = at::full({2, 3}, 0.5);
  const auto refused = [&](const linf& ball, const spsa_options& options, const char* message) {
    CHECK_THROWS_WITH_AS((void)(spsa{ball, options}(model, x, ones_like_labels(x))), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(linf{-0.1}, {}, "spsa: the ball's radius must be finite and not negative, got -0.1");
  refused(linf{0.1}, {.step = -1}, "spsa: step must be finite and not negative, got -1");
  refused(linf{0.1}, {.steps = 0}, "spsa: steps must be at least 1, got 0");
  refused(linf{0.1}, {.samples = 0}, "spsa: samples must be at least 1, got 0");
  refused(linf{0.1}, {.delta = 0}, "spsa: delta must be positive and at most half the box, 0.5; got 0");
  refused(linf{0.1}, {.delta = 0.6}, "half the box, 0.5; got 0.6");
  refused(linf{0.1}, {.batch = 0}, "spsa: batch must be at least 1, got 0");
  CHECK(model.samples == 0);
}
