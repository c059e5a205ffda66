#pragma once

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <redoubt/core/box.hpp>
#include <redoubt/core/philox.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <vector>

#include "../models.hpp"

/// What the tests of the minimal-norm attacks share.
namespace redoubt::testing {

/// A net, inputs in [0, 1] and the labels that the net gives them, so that every sample is there to be won.
struct net_task {
  smooth_net net;
  at::Tensor x;
  at::Tensor y;

  static net_task make(std::uint64_t seed, std::int64_t samples = 40, std::int64_t inputs = 12,
                       std::int64_t classes = 4) {
    net_task made{smooth_net::make(inputs, classes, seed), uniform({samples, inputs}, seed + 10), {}};
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

/// Whether samples have the outcome alone, shuffled and in part that they have together, over these balls.
///
/// `made(ball, draws)` is an attack. The outcome is whether the sample is fooled within the radius, and to 5 % how far.
template <class... Balls, class Made>
void check_company(std::uint64_t seed, const Made& made) {
  philox_sequence random{seed};
  for (int trial = 0; trial < 6; ++trial) {
    CAPTURE(trial);
    const std::int64_t samples = 2 + random.below(20);
    const net_task given = net_task::make(random(), samples, 3 + random.below(30), 2 + random.below(6));
    const at::Tensor rows = uniform({samples, 1}, random(), 0, 1e5).flatten().to(at::kLong);
    const at::Tensor order = uniform({samples, 1}, random()).flatten().argsort();
    const at::Tensor some = order.narrow(0, 0, 1 + random.below(static_cast<std::uint32_t>(samples)));
    const std::uint64_t draws = random();
    const auto check_ball = [&](const auto& ball) {
      const auto attack = made(ball, draws);
      const at::Tensor outcome = attack.run(given.net, given.x, given.y, rows).fooled;
      const auto minimal = attack.minimal(given.net, given.x, given.y, rows);
      for (const at::Tensor& taken : {order, some}) {
        const at::Tensor x = given.x.index_select(0, taken);
        const at::Tensor y = given.y.index_select(0, taken);
        const at::Tensor again = rows.index_select(0, taken);
        CHECK(at::equal(attack.run(given.net, x, y, again).fooled, outcome.index_select(0, taken)));
        const auto near = attack.minimal(given.net, x, y, again);
        CHECK(at::equal(near.found, minimal.found.index_select(0, taken)));
        CHECK(at::allclose(near.distance, minimal.distance.index_select(0, taken), 0.05, 1e-6));
      }
    };
    // A little more than the median distance, so that some are inside and some are not.
    const auto middling = [&](const auto& unit) {
      const at::Tensor distance = made(unit, draws).minimal(given.net, given.x, given.y, rows).distance;
      return redoubt::with_radius(unit, distance.clamp_max(1).median().template item<double>() * 1.01);
    };
    (check_ball(middling(Balls{0})), ...);
  }
}

/// Inputs at the edge of what an attack must take: `made(ball, box)` is one.
template <class... Balls, class Made>
void check_unusual_inputs(const Made& made) {
  const auto check_ball = [&]<class Ball>(const Ball& ball) {
    const box unit = {};
    const at::Tensor w = at::tensor({0.5F, -2.0F, 0.25F, 3.0F, -1.0F, 1.0F, 0.5F, 0.5F}).view({2, 2, 2});
    const auto model = two_class(w.flatten(), -0.5);
    const auto ones = [](std::int64_t n) { return at::ones({n}, at::kLong); };
    const at::Tensor x = uniform({6, 2, 2, 2}, 3, 0.45, 0.55);
    const auto expected = made(ball, unit).minimal(model, x, ones(6));
    REQUIRE(expected.found.all().template item<bool>());
    {
      INFO("float64, and a batch of one");
      const at::Tensor fine = x.to(at::kDouble);
      const auto result = made(ball, unit).minimal(model, fine, ones(6));
      CHECK((result.points.scalar_type() == at::kDouble));
      CHECK((result.distance.scalar_type() == at::kDouble));
      CHECK(at::allclose(result.distance, expected.distance.to(at::kDouble), 0.02));
      const auto alone = made(ball, unit).minimal(model, x.narrow(0, 2, 1), ones(1), at::full({1}, 2, at::kLong));
      CHECK(at::allclose(alone.distance, expected.distance.narrow(0, 2, 1), 0.02));
    }
    {
      INFO("half precision, and channels last");
      const auto half = made(ball, unit).minimal(model, x.to(at::kHalf), ones(6));
      CHECK((half.points.scalar_type() == at::kHalf));
      CHECK((half.distance.scalar_type() == at::kFloat));
      CHECK(at::allclose(half.distance, expected.distance, 0.05));
      const at::Tensor last = x.contiguous(at::MemoryFormat::ChannelsLast);
      const auto result = made(ball, unit).minimal(model, last, ones(6));
      CHECK(result.points.is_contiguous(at::MemoryFormat::ChannelsLast));
      CHECK(at::allclose(result.distance, expected.distance, 0.02));
      CHECK(made(ball, unit)(model, last, ones(6)).is_contiguous(at::MemoryFormat::ChannelsLast));
    }
    {
      INFO("bounds by channel: the second one may not move");
      const at::Tensor flat = at::cat({x.narrow(1, 0, 1), at::full({6, 1, 2, 2}, 0.5)}, 1);
      const box tight{at::tensor({0.0, 0.5}), at::tensor({1.0, 0.5 + 1e-6})};
      const auto result = made(ball, tight).minimal(model, flat, ones(6));
      CHECK(result.found.all().template item<bool>());
      CHECK(largest(result.points.sub(flat).narrow(1, 1, 1)) < 2e-6);
    }
    {
      INFO("no samples");
      const auto result = made(ball, unit).minimal(model, x.narrow(0, 0, 0), ones(0));
      CHECK(result.points.sizes() == at::IntArrayRef({0, 2, 2, 2}));
      CHECK(result.distance.numel() == 0);
      CHECK(result.found.numel() == 0);
    }
    {
      INFO("one pixel, on the box's edges");
      const at::Tensor pixel = at::tensor({0.0F, 1.0F, 0.5F}).view({3, 1});
      const auto sign = [](const at::Tensor& point) {
        const at::Tensor lead = point.flatten(1).sub(0.25);
        return at::cat({lead.neg(), lead}, 1);
      };
      const auto result = made(ball, unit).minimal(sign, pixel, at::tensor({0, 1, 1}, at::kLong));
      CAPTURE(result.distance);
      CHECK(at::allclose(result.distance, at::tensor({0.25F, 0.75F, 0.25F}), 0.02));
    }
    {
      INFO("radii of 0, larger than the box, and of each sample its own");
      CHECK(at::equal(made(Ball{0}, unit)(model, x, ones(6)), x));
      CHECK(at::equal(made(Ball{1e3}, unit).run(model, x, ones(6)).fooled, expected.found));
      const at::Tensor radii = expected.distance.mul(at::tensor({0.5F, 1.5F, 0.9F, 1.1F, 0.0F, 9.0F}));
      CHECK(at::equal(made(Ball{radii}, unit).run(model, x, ones(6)).fooled,
                      at::tensor({0, 1, 0, 1, 0, 1}).to(at::kBool)));
    }
  };
  (check_ball(Balls{0.1}), ...);
}

}  // namespace redoubt::testing
