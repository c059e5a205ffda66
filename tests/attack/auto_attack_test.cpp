#include <redoubt/attack/auto_attack.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "../models.hpp"

using redoubt::attack_result;
using redoubt::auto_attack;
using redoubt::auto_attack_options;
using redoubt::auto_attack_version;
using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::testing::count;
using redoubt::testing::largest;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

namespace {

/// The published attack, made short: what it is made of stays the same.
const auto_attack_options brief{.steps = 10, .target_classes = 3, .queries = 60};

std::vector<std::string> names_of(const attack_result& found) {
  std::vector<std::string> names;
  for (const auto& stage : found.stages) {
    names.push_back(stage.name);
  }
  return names;
}

template <class Check>
void with_each_ball(const Check& check) {
  check(linf{0.08});
  check(l2{0.3});
  check(l1{0.8});
}

}  // namespace

TEST_CASE("auto_attack: is APGD on cross entropy, targeted APGD, targeted FAB and Square, each on what is left") {
  const smooth_net net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({60, 12}, 13);
  const at::Tensor y = predictions(net, x);
  with_each_ball([&](const auto& ball) {
    const attack_result found = auto_attack{ball, brief}.run(net, x, y);
    CHECK(names_of(found) == std::vector<std::string>{"apgd-ce", "apgd-t", "fab-t", "square"});
    at::Tensor sum = at::zeros({60}, at::kLong);
    for (const auto& stage : found.stages) {
      sum = sum.add(stage.fooled.to(at::kLong));
    }
    CHECK(sum.max().item<std::int64_t>() == 1);
    CHECK(at::equal(sum.to(at::kBool), found.fooled));
    CHECK(at::equal(predictions(net, found.adversarial).ne(y), found.fooled));
    CHECK(count(found.fooled) > 5);
    CHECK(count(found.fooled) < 60);
  });
}

TEST_CASE("auto_attack: its points lie in ball and box") {
  const smooth_net net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({60, 12}, 13);
  const at::Tensor y = predictions(net, x);
  with_each_ball([&](const auto& ball) {
    const at::Tensor adversarial = auto_attack{ball, brief}(net, x, y);
    CHECK(largest(ball.length(adversarial.sub(x))) < redoubt::radius_of(ball).number() * (1 + 1e-5));
    CHECK(adversarial.min().item<double>() >= 0);
    CHECK(adversarial.max().item<double>() <= 1);
  });
}

TEST_CASE("auto_attack: over a linear model it fools whom it can and nobody else") {
  // The margin of sample x is w x + b; the most that the ball takes off it, away from the box's sides, is known.
  const at::Tensor w = at::tensor({0.5F, -2.0F, 0.01F, 3.0F});
  const at::Tensor x = uniform({200, 4}, 1, 0.4, 0.6);
  const at::Tensor y = at::ones({200}, at::kLong);
  const at::Tensor score = at::matmul(x, w).sub(0.4);
  const auto model = two_class(w, -0.4);
  const auto sure = [&](double drop) { return score.sub(drop).abs().gt(1e-3).logical_or(score.lt(0)); };
  const auto check = [&](const auto& ball, double drop) {
    const at::Tensor fooled = auto_attack{ball, {.steps = 40, .queries = 300}}.run(model, x, y).fooled;
    CHECK(at::equal(fooled.masked_select(sure(drop)), score.lt(drop).masked_select(sure(drop))));
    CHECK(count(score.gt(drop)) > 20);
    CHECK(count(score.lt(drop)) > 20);
  };
  check(linf{0.05}, 0.05 * 5.51);
  check(l2{0.08}, 0.08 * std::sqrt(0.25 + 4 + 0.0001 + 9));
  check(l1{0.09}, 0.09 * 3);
}

TEST_CASE(
    "auto_attack: two and three classes, which leave the difference of logits ratio undefined, are attacked too") {
  for (const std::int64_t classes : {2, 3}) {
    const smooth_net net = smooth_net::make(12, classes, 5);
    const at::Tensor x = uniform({40, 12}, 15);
    const at::Tensor y = predictions(net, x);
    for (const auto version : {auto_attack_version::standard, auto_attack_version::randomised}) {
      auto_attack_options options = brief;
      options.version = version;
      options.eot = 2;
      CHECK(count(auto_attack{linf{0.1}, options}.run(net, x, y).fooled) > 3);
    }
  }
}

TEST_CASE("auto_attack: the randomised version averages gradients over the model's draws") {
  const smooth_net net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({20, 12}, 13);
  const at::Tensor y = predictions(net, x);
  std::int64_t asked = 0;
  const auto counting = [&](const at::Tensor& points) {
    ++asked;
    return net(points);
  };
  const attack_result found =
      auto_attack{linf{1e-6}, {.version = auto_attack_version::randomised, .steps = 3, .eot = 7}}.run(counting, x, y);
  CHECK(names_of(found) == std::vector<std::string>{"apgd-ce", "apgd-dlr"});
  // Two attacks of three gradients and a last look, seven draws each, and a look of the worst case at each one's
  // points.
  CHECK(asked == 2 * (4 * 7 + 1));
}

TEST_CASE("auto_attack: a radius for each sample follows it through the attacks: each fares as alone") {
  const smooth_net net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({20, 12}, 13);
  const at::Tensor y = predictions(net, x);
  const at::Tensor rows = at::arange(20, at::kLong);
  const at::Tensor radii = at::linspace(0.01, 0.2, 20, at::kDouble);
  const attack_result found = auto_attack{linf{radii}, brief}.run(net, x, y);
  CHECK(count(found.fooled) > 0);
  CHECK(count(found.fooled) < 20);
  for (std::int64_t i = 0; i < 20; ++i) {
    const auto_attack alone{linf{radii[i].item<double>()}, brief};
    const attack_result one = alone.run(net, x.narrow(0, i, 1), y.narrow(0, i, 1), rows.narrow(0, i, 1));
    CHECK(at::equal(one.fooled, found.fooled.narrow(0, i, 1)));
    CHECK(largest(found.adversarial[i].sub(x[i])) <= radii[i].item<double>() + 1e-6);
  }
}

TEST_CASE("auto_attack: a sample's outcome is the same in any batch and order, and from the same seed") {
  const smooth_net net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({60, 12}, 13);
  const at::Tensor y = predictions(net, x);
  const at::Tensor rows = at::arange(60, at::kLong);
  const at::Tensor order = uniform({60, 1}, 99).flatten().argsort();
  with_each_ball([&](const auto& ball) {
    const auto_attack attack{ball, brief};
    const at::Tensor fooled = attack.run(net, x, y).fooled;
    const at::Tensor shuffled =
        attack.run(net, x.index_select(0, order), y.index_select(0, order), rows.index_select(0, order)).fooled;
    CHECK(at::equal(shuffled, fooled.index_select(0, order)));
    for (std::int64_t first = 0; first < 60; first += 7) {
      const std::int64_t some = std::min<std::int64_t>(7, 60 - first);
      const at::Tensor part =
          attack.run(net, x.narrow(0, first, some), y.narrow(0, first, some), rows.narrow(0, first, some)).fooled;
      CHECK(at::equal(part, fooled.narrow(0, first, some)));
    }
  });
}

TEST_CASE("auto_attack: refuses what its attacks refuse, by name") {
  const smooth_net net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({4, 12}, 13);
  CHECK_THROWS_WITH_AS((void)(auto_attack{linf{-1}}(net, x, at::zeros({4}, at::kLong))),
                       doctest::Contains("must be finite and not negative, got -1"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)(auto_attack{linf{0.1}}(net, x, at::full({4}, 4, at::kLong))),
                       doctest::Contains("labels must lie in [0, 4)"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)(auto_attack{linf{0.1}}(net, x.mul(3), at::zeros({4}, at::kLong))),
                       doctest::Contains("must lie in the box [0, 1]"), std::invalid_argument);
}
