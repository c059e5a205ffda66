#include <redoubt/attack/square.hpp>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <redoubt/attack/any_attack.hpp>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "../models.hpp"

using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::square;
using redoubt::square_options;
using redoubt::testing::count;
using redoubt::testing::largest;
using redoubt::testing::linear_classifier;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(square{linf{.radius = 0.1}}), square<linf>>);
static_assert(std::is_same_v<decltype(square{l1{.radius = 1}, {.queries = 10, .targeted = true}}), square<l1>>);

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Calls `check(ball)` for each ball, of a radius that lets it fool some of a smooth_net's samples.
template <class Check>
void with_each_ball(const Check& check) {
  check(linf{0.15});
  check(l2{0.6});
  check(l1{1.5});
}

/// Labels of two_class that it always gives: the margin is lost by far everywhere in the box.
linear_classifier never_fooled(const at::Tensor& w) {
  return two_class(w, 100);
}

at::Tensor ones_like_labels(const at::Tensor& x) {
  return at::ones({x.size(0)}, at::kLong);
}

/// Keeps a copy of every batch that the model is asked for.
template <class Model>
struct listening {
  Model model;
  std::vector<at::Tensor> heard = {};

  at::Tensor operator()(const at::Tensor& x) {
    heard.push_back(x.clone());
    return model(x);
  }
  [[nodiscard]] std::int64_t samples() const {
    std::int64_t sum = 0;
    for (const at::Tensor& batch : heard) {
      sum += batch.size(0);
    }
    return sum;
  }
};

template <class Model>
listening(Model) -> listening<Model>;

/// The share of the best possible gain w . (x - optimum) that the attack found, for each sample.
at::Tensor gain_over(const at::Tensor& w, const at::Tensor& x, const at::Tensor& found, const at::Tensor& optimum) {
  return x.sub(found).flatten(1).matmul(w).div(x.sub(optimum).flatten(1).matmul(w));
}

}  // namespace

// The optimum over a linear classifier.

TEST_CASE("square: over linf a linear margin's optimum is the corner of the ball, clipped to the box") {
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.1F, 3.0F});
  const at::Tensor x = uniform({30, 4}, 1);
  for (const double radius : {0.05, 0.4, 3.0}) {
    const at::Tensor optimum = x.sub(w.sign(), radius).clamp(0, 1);
    const at::Tensor found = square{linf{radius}, {.queries = 200}}(never_fooled(w), x, ones_like_labels(x));
    CHECK(largest(found.sub(optimum)) < 1e-6);
  }
}

TEST_CASE("square: over l2 and l1 it comes near a linear margin's optimum") {
  at::Tensor w = at::full({6, 6}, 0.1F);
  w.slice(0, 1, 3).slice(1, 2, 4).fill_(1);
  w.slice(0, 3, 5).slice(1, 2, 4).fill_(-1);
  w = w.flatten();
  const at::Tensor x = uniform({20, 1, 6, 6}, 2, 0.4, 0.6);
  const at::Tensor y = ones_like_labels(x);
  const at::Tensor far = x.sub(w.div(w.norm()).mul(0.3).view({1, 1, 6, 6}));
  const at::Tensor over_l2 = square{l2{0.3}, {.queries = 1000}}(never_fooled(w), x, y);
  CHECK(gain_over(w, x, over_l2, far).min().item<double>() > 0.8);
  CHECK(gain_over(w, x, over_l2, far).max().item<double>() < 1 + 1e-5);
  // l1: any of the pixels of weight 1.
  const at::Tensor over_l1 = square{l1{0.3}, {.queries = 1000}}(never_fooled(w), x, y);
  const at::Tensor gained = x.sub(over_l1).flatten(1).matmul(w);
  CHECK(gained.min().item<double>() > 0.9 * 0.3);
  CHECK(gained.max().item<double>() < 0.3 + 1e-5);
}

// Every shape of input; what comes back is like what went in.

TEST_CASE("square: the result lies in ball and box, and is like the input, whatever its shape") {
  const std::vector<std::vector<std::int64_t>> shapes{{6, 10},      {6, 1},        {6, 3, 7},     {6, 1, 28, 28},
                                                      {6, 3, 5, 8}, {6, 1, 1, 1},  {6, 2, 12, 1}, {6, 2, 2, 3, 4},
                                                      {1, 3, 4, 4}, {6, 4, 1, 20}, {6, 1, 2, 2}};
  for (const auto& shape : shapes) {
    CAPTURE(at::IntArrayRef{shape});
    const at::Tensor x = uniform(shape, 3);
    const std::int64_t width = x.numel() / x.size(0);
    const auto model = never_fooled(uniform({width, 1}, 5, -1, 1).flatten());
    with_each_ball([&](const auto& ball) {
      const auto result = square{ball, {.queries = 60}}.run(model, x, ones_like_labels(x));
      CHECK(result.adversarial.sizes() == x.sizes());
      CHECK(ball.length(result.adversarial.sub(x)).max().template item<double>() <= ball.radius.number() * (1 + 1e-6));
      CHECK(result.adversarial.ge(0).logical_and(result.adversarial.le(1)).all().template item<bool>());
      CHECK(largest(result.adversarial.sub(x)) > 0.01);
      CHECK(result.queries.eq(60).all().template item<bool>());
    });
  }
}

TEST_CASE("square: memory format and type of the input come back, and are what the model sees") {
  const at::Tensor x = uniform({5, 3, 6, 7}, 3);
  const auto model = never_fooled(uniform({126, 1}, 5, -1, 1).flatten());
  with_each_ball([&](const auto& ball) {
    const at::Tensor found = square{ball, {.queries = 40}}(model, x, ones_like_labels(x));
    listening heard{model};
    const at::Tensor last = x.contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor again = square{ball, {.queries = 40}}(heard, last, ones_like_labels(x));
    CHECK(again.is_contiguous(at::MemoryFormat::ChannelsLast));
    CHECK(heard.heard.back().is_contiguous(at::MemoryFormat::ChannelsLast));
    CHECK(at::equal(again, found));
    for (const at::ScalarType type : {at::kDouble, at::kHalf}) {
      listening typed{model};
      const at::Tensor as_type = square{ball, {.queries = 40}}(typed, x.to(type), ones_like_labels(x));
      CHECK((as_type.scalar_type() == type));
      CHECK((typed.heard.back().scalar_type() == type));
    }
  });
}

TEST_CASE("square: radii by sample and bounds by channel hold; who has no room is asked once and stays") {
  const at::Tensor x = uniform({6, 2, 5, 5}, 3, 0.3, 0.5);
  const at::Tensor radii = at::tensor({0.0F, 0.05F, 0.1F, 0.0F, 0.3F, 9.0F});
  const redoubt::box bounds{at::tensor({0.3F, 0.0F}), at::tensor({0.5F, 1.0F})};
  const auto model = never_fooled(uniform({50, 1}, 5, -1, 1).flatten());
  const auto check = [&](const auto& ball) {
    const auto found = square{ball, {.queries = 50, .box = bounds}}.run(model, x, ones_like_labels(x));
    const at::Tensor length = ball.length(found.adversarial.sub(x));
    CHECK(length.le(radii.mul(1 + 1e-6)).all().template item<bool>());
    CHECK(length.gt(radii.clamp_max(0.1).mul(0.5)).logical_or(radii.eq(0)).all().template item<bool>());
    CHECK(at::equal(found.queries, at::tensor({1, 50, 50, 1, 50, 50}, at::kLong)));
    CHECK(at::equal(found.adversarial, bounds.clamp(found.adversarial)));
  };
  check(linf{radii});
  check(l2{radii});
  check(l1{radii});
}

// What it costs, and what it needs.

TEST_CASE("square: no sample is asked more often than allowed; queries counts what the model was asked") {
  const auto net = smooth_net::make(36, 4, 7);
  const at::Tensor x = uniform({40, 1, 6, 6}, 8);
  const at::Tensor y = predictions(net, x);
  for (const int queries : {1, 2, 3, 50}) {
    for (const int restarts : {1, 3}) {
      listening model{net};
      const auto found = square{l2{0.3}, {.queries = queries, .restarts = restarts}}.run(model, x, y);
      CHECK(found.queries.max().item<std::int64_t>() <= queries * restarts);
      CHECK(found.queries.sum().item<std::int64_t>() == model.samples());
      CHECK(found.queries.masked_select(found.fooled.logical_not()).eq(queries * restarts).all().item<bool>());
      CHECK(at::equal(found.fooled, predictions(net, found.adversarial).ne(y)));
    }
  }
}

TEST_CASE("square: nothing left to attack costs one query each, and the result is the input") {
  const auto net = smooth_net::make(9, 3, 1);
  const at::Tensor x = uniform({7, 1, 3, 3}, 8);
  const at::Tensor wrong = predictions(net, x).add(1).remainder(3);
  listening model{net};
  const auto found = square{linf{0.3}, {}}.run(model, x, wrong);
  CHECK(at::equal(found.adversarial, x));
  CHECK(found.fooled.all().item<bool>());
  CHECK(model.heard.size() == 1);
}

TEST_CASE("square: no samples are an empty result, and the model is not asked") {
  listening model{never_fooled(at::ones({3}))};
  const auto found = square{l1{0.1}, {}}.run(model, at::empty({0, 3}, at::kHalf), at::empty({0}, at::kLong));
  CHECK(found.adversarial.sizes() == at::IntArrayRef{0, 3});
  CHECK((found.adversarial.scalar_type() == at::kHalf));
  CHECK(found.queries.numel() == 0);
  CHECK(model.heard.empty());
}

TEST_CASE("square: takes any callable, plain loops over numbers too, and asks it without grad mode") {
  const std::vector<float> w{0.5F, -2.0F, 0.1F, 3.0F};
  const auto remote = [&](const at::Tensor& x) {
    CHECK_FALSE(at::GradMode::is_enabled());
    at::Tensor scores = at::zeros({x.size(0), 2});
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      float sum = 0.5F;
      for (std::int64_t k = 0; k < 4; ++k) {
        sum += w[static_cast<std::size_t>(k)] * (x[i][k].item<float>() - 0.5F);
      }
      scores[i][1] = sum;
    }
    return scores;
  };
  const at::Tensor x = at::full({3, 4}, 0.5);
  // |w| . 0.1 = 0.56 is what it takes, less than that is not enough.
  const square attack{linf{0.1}, {.queries = 100}};
  const auto found = attack.run(remote, x, ones_like_labels(x));
  CHECK(found.fooled.all().item<bool>());
  const auto near = square{linf{0.08}, {.queries = 100}}.run(remote, x, ones_like_labels(x));
  CHECK(count(near.fooled) == 0);
  CHECK(at::allclose(near.adversarial, at::tensor({0.42F, 0.58F, 0.42F, 0.42F}).expand_as(x)));
}

TEST_CASE("square: the result is the best point that was asked of") {
  const auto net = smooth_net::make(36, 4, 7);
  with_each_ball([&](const auto& ball) {
    for (std::int64_t i = 0; i < 5; ++i) {
      const at::Tensor x = uniform({1, 1, 6, 6}, static_cast<std::uint64_t>(i));
      const at::Tensor y = predictions(net, x);
      listening model{net};
      const at::Tensor found = square{ball, {.queries = 50}}(model, x, y);
      const at::Tensor asked = at::cat(model.heard);
      const at::Tensor margins = redoubt::margin{}(net(asked), y.expand({asked.size(0)}));
      CHECK(redoubt::margin{}(net(found), y).template item<double>() ==
            doctest::Approx(margins.max().template item<double>()).epsilon(1e-5));
      // And no query left ball or box.
      CHECK(ball.length(asked.sub(x)).max().template item<double>() <= ball.radius.number() * (1 + 1e-6));
      CHECK(asked.ge(0).logical_and(asked.le(1)).all().template item<bool>());
    }
  });
}

TEST_CASE("square: each query over linf changes one window of the best point so far") {
  const auto model = never_fooled(uniform({64, 1}, 5, -1, 1).flatten());
  const at::Tensor x = uniform({1, 1, 8, 8}, 3, 0.3, 0.7);
  listening heard{model};
  (void)square{linf{0.1}, {.queries = 100}}(heard, x, ones_like_labels(x));
  at::Tensor best = heard.heard[1];
  for (std::size_t i = 2; i < heard.heard.size(); ++i) {
    const at::Tensor& asked = heard.heard[i];
    const at::Tensor places = asked.ne(best).squeeze().nonzero();
    CHECK(places.size(0) > 0);
    const at::Tensor sides = places.amax(0).sub(places.amin(0)).add(1);
    const double share = redoubt::detail::window_share(.8, static_cast<std::int64_t>(i) - 2, 100);
    CHECK(sides.max().item<std::int64_t>() <= redoubt::detail::window_size::of(share, 8, 8).height);
    if (model(asked).select(1, 1).item<double>() < model(best).select(1, 1).item<double>()) {
      best = asked;
    }
  }
}

// Randomness and batches.

TEST_CASE("square: batch, order, dropped neighbours and threads change no sample's outcome") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  const int threads = at::get_num_threads();
  for (int trial = 0; trial < 6; ++trial) {
    const std::int64_t samples = 2 + random.below(30);
    const std::vector<std::int64_t> shape{samples, 1 + random.below(3), 1 + random.below(7), 1 + random.below(7)};
    // Double precision, in which a batch's rounding does not decide between two losses.
    const at::Tensor x = uniform(shape, seed + static_cast<std::uint64_t>(trial)).to(at::kDouble);
    const auto net = smooth_net::make(x.numel() / samples, 4, seed + 1);
    const at::Tensor y = predictions(net, x);
    const square_options options{.queries = 40, .restarts = 2, .seed = seed};
    const auto keep = uniform({samples, 1}, seed + 2)
                          .flatten()
                          .argsort()
                          .narrow(0, 0, 1 + random.below(static_cast<std::uint32_t>(samples)));
    with_each_ball([&](const auto& ball) {
      const square attack{ball, options};
      const auto whole = attack.run(net, x, y);
      const auto part = attack.run(net, x.index_select(0, keep), y.index_select(0, keep), keep);
      CHECK(at::equal(part.fooled, whole.fooled.index_select(0, keep)));
      CHECK(at::equal(part.queries, whole.queries.index_select(0, keep)));
      CHECK(largest(part.adversarial.sub(whole.adversarial.index_select(0, keep))) < 1e-9);
      at::set_num_threads(threads + 2);
      CHECK(at::equal(attack(net, x, y), whole.adversarial));
      at::set_num_threads(threads);
    });
  }
}

TEST_CASE("square: seeds and restarts draw anew, and restarts only add to what is fooled") {
  const auto net = smooth_net::make(36, 4, 7);
  const at::Tensor x = uniform({60, 1, 6, 6}, 8);
  const at::Tensor y = predictions(net, x);
  with_each_ball([&](const auto& ball) {
    square_options options{.queries = 15};
    const auto one = square{ball, options}.run(net, x, y);
    CHECK(at::equal(square{ball, options}(net, x, y), one.adversarial));
    options.restarts = 4;
    const auto four = square{ball, options}.run(net, x, y);
    CHECK(count(one.fooled.logical_and(four.fooled.logical_not())) == 0);
    CHECK(count(four.fooled) > count(one.fooled));
    options.restarts = 1;
    options.seed = 1;
    CHECK_FALSE(at::equal(square{ball, options}(net, x, y), one.adversarial));
  });
}

// Targets, losses, odd models.

TEST_CASE("square: targeted, it arrives at its targets") {
  const auto net = smooth_net::make(36, 4, 9);
  const at::Tensor x = uniform({40, 1, 6, 6}, 8);
  const at::Tensor target = predictions(net, x).add(1).remainder(4);
  const auto found = square{linf{0.5}, {.queries = 300, .targeted = true}}.run(net, x, target);
  CHECK(at::equal(found.fooled, predictions(net, found.adversarial).eq(target)));
  CHECK(count(found.fooled) > 30);
  const auto own = square{linf{0.5}, {.queries = 300, .loss = redoubt::margin{}, .targeted = true}}.run(net, x, target);
  CHECK(count(own.fooled) > 30);
}

TEST_CASE("square: a model that always says the same is left as it is, in the budget") {
  const at::Tensor x = uniform({4, 1, 5, 5}, 8);
  const auto constant = [](const at::Tensor& point) { return at::tensor({1.0F, 2.0F}).expand({point.size(0), 2}); };
  with_each_ball([&](const auto& ball) {
    const auto found = square{ball, {.queries = 30}}.run(constant, x, ones_like_labels(x));
    CHECK(count(found.fooled) == 0);
    CHECK(at::equal(found.adversarial, x));
    CHECK(found.queries.eq(30).all().template item<bool>());
  });
}

TEST_CASE(
    "square: a model that answers NaN somewhere is fooled there; with targets it is not, and the search goes on") {
  const auto model = [](const at::Tensor& x) {
    const at::Tensor logits = two_class(at::tensor({1.0F, 1.0F}), -0.9)(x);
    return logits.masked_fill(x.select(1, 0).gt(0.55).unsqueeze(1), not_a_number);
  };
  const at::Tensor x = at::tensor({0.2F, 0.2F, 0.5F, 0.5F, 0.9F, 0.9F}).view({3, 2});
  const auto found = square{linf{0.1}, {.queries = 30}}.run(model, x, at::tensor({0, 1, 1}, at::kLong));
  CHECK(found.adversarial.isfinite().all().item<bool>());
  CHECK(found.fooled[1].item<bool>());
  CHECK(found.queries[2].item<std::int64_t>() == 1);
  const auto aimed =
      square{linf{0.1}, {.queries = 30, .targeted = true}}.run(model, x, at::tensor({1, 0, 1}, at::kLong));
  CHECK_FALSE(aimed.fooled[0].item<bool>());
  CHECK(aimed.fooled[1].item<bool>());
  CHECK_FALSE(aimed.fooled[2].item<bool>());
  CHECK(at::allclose(aimed.adversarial[0], at::full({2}, 0.3)));
}

TEST_CASE("square: as any_attack it keeps its count") {
  const at::Tensor x = uniform({4, 1, 5, 5}, 8);
  const redoubt::any_attack attack{square{l2{0.1}, {.queries = 9}}};
  const auto found = attack.run(never_fooled(at::ones({25})), x, ones_like_labels(x));
  CHECK(found.queries.eq(9).all().item<bool>());
}

// Errors name the value.

TEST_CASE("square: options and inputs out of range are named, before the model is asked") {
  listening model{never_fooled(at::ones({3}))};
  const at::Tensor x = at::full({2, 3}, 0.5);
  const auto refused = [&](const linf& ball, const square_options& options, const at::Tensor& input,
                           const char* message) {
    CHECK_THROWS_WITH_AS((void)(square{ball, options}(model, input, ones_like_labels(x))), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(linf{-0.1}, {}, x, "square: the ball's radius must be finite and not negative, got -0.1");
  refused(linf{0.1}, {.queries = 0}, x, "square: queries must be at least 1, got 0");
  refused(linf{0.1}, {.p = 0}, x, "square: p must lie in (0, 1], got 0");
  refused(linf{0.1}, {.p = not_a_number}, x, "square: p must lie in (0, 1], got nan");
  refused(linf{0.1}, {.restarts = 0}, x, "square: restarts must lie in [1, 65535], got 0");
  refused(linf{0.1}, {.box = {1, 0}}, x, "square: the box needs finite bounds");
  refused(linf{0.1}, {}, x.mul(3), "square: the input must lie in the box [0, 1], but spans [1.5, 1.5]");
  CHECK(model.heard.empty());
  CHECK_THROWS_WITH_AS((void)(square{linf{0.1}}(model, x, at::full({2}, 5, at::kLong))),
                       doctest::Contains("square: labels must lie in [0, 2)"), std::invalid_argument);
  const auto one_number = [](const at::Tensor& z, const at::Tensor&) { return z.mean(); };
  refused(linf{0.1}, {.loss = one_number}, x, "square: the loss must be one number per sample [2], got shape []");
}
