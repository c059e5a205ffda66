// Expectation over transformations: `pgd_options::eot`, for models and transforms that draw.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

#include <redoubt/attack/pgd.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <vector>

#include "../models.hpp"

using redoubt::draw;
using redoubt::iterate;
using redoubt::linf;
using redoubt::pgd;
using redoubt::pgd_options;
using redoubt::testing::labels;
using redoubt::testing::largest;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

namespace {

/// A model that adds noise from the global generator, as a randomised defence does.
struct noisy {
  smooth_net net;
  at::Tensor operator()(const at::Tensor& x) const { return net(x.add(at::randn_like(x), 0.3)); }
};

/// Stays where it is and writes down what it was shown.
struct onlooker {
  std::vector<redoubt::step_view>* seen;

  template <class Ball>
  at::Tensor next(const Ball&, const redoubt::step_view& now) {
    seen->push_back(now);
    return now.point.sub(now.x);
  }
};

at::Tensor generator_state() {
  return at::detail::getDefaultCPUGenerator().get_state();
}

}  // namespace

TEST_CASE("eot: the step sees the mean of the gradients of as many draws, and the generator is as it was") {
  const noisy model{smooth_net::make(6, 3, 1)};
  const at::Tensor x = uniform({5, 6}, 2).to(at::kDouble);
  const at::Tensor y = labels(5, 3, 3);
  std::vector<redoubt::step_view> seen;
  const pgd_options options{.steps = 2, .random_start = false, .keep = iterate::last, .eot = 7};
  const at::Tensor before = generator_state();
  (void)pgd{linf{0.1}, options, onlooker{&seen}}(model, x, y);
  CHECK(at::equal(generator_state(), before));
  REQUIRE(seen.size() == 2);
  for (const redoubt::step_view& view : seen) {
    at::Tensor sum = at::zeros_like(x);
    at::Tensor loss = at::zeros({5}, at::kDouble);
    for (int turn = 0; turn < 7; ++turn) {
      const at::Tensor leaf = x.clone().requires_grad_();
      const at::Tensor each = redoubt::cross_entropy{}(model(leaf), y);
      sum.add_(torch::autograd::grad({each.sum()}, {leaf})[0]);
      loss.add_(each.detach());
    }
    CHECK(largest(view.gradient.sub(sum.div(7))) < 1e-12);
    CHECK(largest(view.loss.sub(loss.div(7))) < 1e-12);
  }
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(before);
}

TEST_CASE("eot: follows the mean over a transform's draws where a single draw leads astray") {
  const at::Tensor w = at::tensor({1.0F, -2.0F, 0.5F});
  const at::Tensor x = at::full({4, 3}, 0.5);
  const at::Tensor y = at::ones({4}, at::kLong);
  // The point times 1, 1 and -5 in turn: the mean gradient of the margin, w, is that of -w.
  const auto turned = [](const at::Tensor& point, const at::Tensor&, const draw& where) {
    return point.mul(where.step % 3 == 2 ? -5 : 1);
  };
  const auto moved = [&](int eot) {
    const pgd_options options{.step = 0.1,
                              .steps = 1,
                              .random_start = false,
                              .loss = redoubt::margin{},
                              .keep = iterate::last,
                              .transform = turned,
                              .eot = eot};
    return pgd{linf{0.1}, options}(two_class(w, 10), x, y).sub(x);
  };
  const at::Tensor down = w.sign().mul(-0.1).expand({4, 3});
  CHECK(at::allclose(moved(1), down));
  CHECK(at::allclose(moved(3), down.neg()));
}

TEST_CASE("eot: a transform is told a draw of its own for each gradient of a restart") {
  std::vector<draw> seen;
  const auto look = [&](const at::Tensor& point, const at::Tensor&, const draw& where) {
    seen.push_back(where);
    return point;
  };
  const at::Tensor x = at::full({2, 3}, 0.5);
  const pgd_options options{.steps = 3, .restarts = 2, .seed = 11, .transform = look, .eot = 4};
  (void)pgd{linf{0.1}, options}(two_class(at::ones({3}), 100), x, at::ones({2}, at::kLong));
  REQUIRE(seen.size() == 24);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    CHECK(seen[i].seed == seen[0].seed);
    CHECK(seen[i].restart == i / 12);
    CHECK(seen[i].step == i % 12);
  }
  // Balls draw their starts from the seed and from its complement.
  CHECK(seen[0].seed != 11);
  CHECK(seen[0].seed != ~std::uint64_t{11});
}

TEST_CASE("eot: costs as many times the forwards, a transform once more a step to judge without it") {
  const auto calls = [](iterate keep, bool transformed) {
    int count = 0;
    const auto model = [&](const at::Tensor& point) {
      ++count;
      return two_class(at::ones({3}), 100)(point);
    };
    pgd_options options{.steps = 5, .keep = keep, .eot = 3};
    if (transformed) {
      options.transform = [](const at::Tensor& point, const at::Tensor&, const draw&) { return point.mul(0.5); };
    }
    (void)pgd{linf{0.1}, options}(model, at::full({2, 3}, 0.5), at::ones({2}, at::kLong));
    return count;
  };
  CHECK(calls(iterate::last, false) == 3 * 5);
  CHECK(calls(iterate::best, false) == 3 * 6);
  CHECK(calls(iterate::best, true) == 3 * 11);
}

TEST_CASE("eot: a sample is fooled where the mean probability says so, not where one draw in several does") {
  // Every fourth answer is sure of class 1, the others are fairly sure of class 0.
  int turn = 0;
  const at::Tensor often = at::tensor({2.0F, 0.0F});
  const at::Tensor seldom = at::tensor({0.0F, 9.0F});
  const auto model = [&](const at::Tensor& point) {
    return point.sum(1, true).mul(1e-6).add(turn++ % 4 == 3 ? seldom : often);
  };
  const at::Tensor x = at::full({3, 2}, 0.5);
  const auto fooled = [&](int eot) {
    turn = 0;
    const pgd attack{linf{0.1}, {.steps = 4, .loss = redoubt::margin{}, .eot = eot}};
    return attack.run(model, x, at::zeros({3}, at::kLong)).fooled;
  };
  CHECK(fooled(1).all().item<bool>());
  CHECK_FALSE(fooled(4).any().item<bool>());
}

TEST_CASE("eot: fewer gradients than one are named, and so is a transform that gives other samples") {
  const at::Tensor x = at::full({2, 3}, 0.5);
  const auto refused = [&](const pgd_options& options, const char* message) {
    CHECK_THROWS_WITH_AS((void)(pgd{linf{0.1}, options}(two_class(at::ones({3})), x, at::ones({2}, at::kLong))),
                         doctest::Contains(message), std::invalid_argument);
  };
  refused({.eot = 0}, "pgd: eot must be at least 1, got 0");
  refused({.transform = [](const at::Tensor& point, const at::Tensor&, const draw&) { return point.narrow(0, 0, 1); }},
          "pgd: the input transform must give 2 samples, gave shape [1, 3]");
}
