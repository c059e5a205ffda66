#include <redoubt/attack/momentum.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/scale_invariant.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "../models.hpp"

using redoubt::iterate;
using redoubt::l2;
using redoubt::linf;
using redoubt::momentum;
using redoubt::nesterov;
using redoubt::pgd;
using redoubt::pgd_options;
using redoubt::step_view;
using redoubt::testing::labels;
using redoubt::testing::largest;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(redoubt::a_step_rule<momentum, linf>);
static_assert(redoubt::a_step_rule<nesterov, l2>);
static_assert(std::is_same_v<decltype(pgd{linf{0.1}, {}, momentum{.decay = 0.9}}), pgd<linf, momentum>>);

namespace {

at::Tensor gradient_at(const smooth_net& net, const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor point = x.clone().requires_grad_();
  return torch::autograd::grad({redoubt::cross_entropy{}(net(point), y).sum()}, {point})[0];
}

at::Tensor per_row(const at::Tensor& values) {
  return values.view({-1, 1});
}

step_view view_of(const at::Tensor& gradient, double length = 0.1) {
  const at::Tensor zero = at::zeros_like(gradient);
  return {.x = zero, .point = zero, .gradient = gradient, .length = length};
}

/// The net of the numbers that torchattacks gave.
at::Tensor peers_net(const at::Tensor& x) {
  const at::Tensor w1 = at::arange(7 * 12, at::kDouble).mul(1.3).add(0.5).sin().mul(2).view({7, 12});
  const at::Tensor w2 = at::arange(3 * 7, at::kDouble).mul(0.7).add(0.2).cos().mul(1.5).view({3, 7});
  return at::linear(at::linear(x.flatten(1).sub(0.5), w1).tanh(), w2);
}

at::Tensor peers_images() {
  return at::arange(36, at::kDouble).mul(2.1).add(0.3).sin().mul(0.2).add(0.5).view({3, 1, 3, 4});
}

/// The ball and the box are far away: torchattacks does not keep the look ahead inside, redoubt does.
template <class Rule>
at::Tensor peers_way(const Rule& rule, pgd_options options) {
  options.step = 0.02;
  options.steps = 14;
  options.random_start = false;
  options.box = {-9, 9};
  options.keep = iterate::last;
  const at::Tensor x = peers_images();
  return pgd{linf{5}, options, rule}(peers_net, x, at::tensor({1, 0, 2}, at::kLong)).sub(x).flatten(1);
}

at::Tensor hundredths(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble).view({3, 12}).div(100);
}

}  // namespace

TEST_CASE("momentum: what is gathered decays, and each gradient counts by its l1 norm of one") {
  const at::Tensor first = at::tensor({2.0F, -2.0F}).view({1, 2});
  const at::Tensor second = at::tensor({-1.0F, -3.0F}).view({1, 2});
  // Gathered: (1/2, -1/2) * decay + (-1/4, -3/4).
  for (const auto& [decay, sign] : {std::pair{1.0, 1.0F}, std::pair{0.4, -1.0F}}) {
    momentum rule{.decay = decay};
    CHECK(at::allclose(rule.next(linf{1}, view_of(first)), at::tensor({0.1F, -0.1F}).view({1, 2})));
    CHECK(at::allclose(rule.next(linf{1}, view_of(second)), at::tensor({0.1F * sign, -0.1F}).view({1, 2})));
  }
}

TEST_CASE("momentum: over any ball it is the paper's recurrence") {
  const auto net = smooth_net::make(12, 4, 1);
  const at::Tensor x = uniform({20, 12}, 2).to(at::kDouble);
  const at::Tensor y = labels(20, 4, 3);
  for (const double decay : {0.0, 0.5, 1.0}) {
    CAPTURE(decay);
    at::Tensor over_linf = x;
    at::Tensor over_l2 = x;
    at::Tensor m_linf = at::zeros_like(x);
    at::Tensor m_l2 = at::zeros_like(x);
    for (int step = 0; step < 8; ++step) {
      const at::Tensor g = gradient_at(net, over_linf, y);
      m_linf = m_linf.mul(decay).add(g.div(per_row(g.abs().sum(1))));
      over_linf = over_linf.add(m_linf.sign(), 0.04).clamp(0, 1).sub(x).clamp(-0.1, 0.1).add(x);
      const at::Tensor h = gradient_at(net, over_l2, y);
      m_l2 = m_l2.mul(decay).add(h.div(per_row(h.abs().sum(1))));
      at::Tensor d = over_l2.add(m_l2.div(per_row(m_l2.norm(2, 1))), 0.2).sub(x);
      over_l2 = x.add(l2{0.5}.project_into_(d, x, {})).clamp(0, 1);
    }
    pgd_options options{.step = 0.04, .steps = 8, .random_start = false, .keep = iterate::last};
    CHECK(largest(pgd{linf{0.1}, options, momentum{decay}}(net, x, y).sub(over_linf)) < 1e-9);
    options.step = 0.2;
    CHECK(largest(pgd{l2{0.5}, options, momentum{decay}}(net, x, y).sub(over_l2)) < 1e-9);
    if (decay == 0) {
      CHECK(largest(pgd{l2{0.5}, options}(net, x, y).sub(over_l2)) < 1e-9);
    }
  }
}

TEST_CASE("momentum: goes where torchattacks 3.5.1's MIFGSM goes") {
  // decay 0.8, alpha 0.02, 14 steps; in hundredths.
  const at::Tensor expected = hundredths({4,   28,  28,  -28, -28, 28,  28,  28,  -28, -28, 28,  28,   //
                                          -28, -28, -28, 28,  28,  -28, -28, 20,  28,  28,  -28, -28,  //
                                          28,  28,  12,  -28, -28, 28,  28,  -28, -28, -28, 28,  28});
  CHECK(largest(peers_way(momentum{0.8}, {}).sub(expected)) < 1e-9);
}

TEST_CASE("nesterov: goes where torchattacks 3.5.1's NIFGSM and SINIFGSM go") {
  const at::Tensor expected = hundredths({12,  28,  28,  -28, -28, 28,  28,  28,  -28, -28, 28,  28,   //
                                          -28, -28, -28, 28,  28,  -28, -28, 8,   28,  28,  -28, -28,  //
                                          28,  28,  20,  -28, -28, 28,  28,  -28, -28, -28, 28,  28});
  CHECK(largest(peers_way(nesterov{0.8}, {}).sub(expected)) < 1e-9);
  const at::Tensor of_scales = hundredths({-28, 28,  28,  -28, -28, 20,  28,  28,  -28, -28, 28,  28,   //
                                           -28, -28, -28, 28,  28,  -28, -28, -12, 28,  28,  -28, -28,  //
                                           28,  28,  -28, -28, -28, 28,  28,  -28, -28, -28, 28,  28});
  const pgd_options options{.transform = redoubt::scale_invariant{.copies = 3}, .eot = 3};
  CHECK(largest(peers_way(nesterov{0.8}, options).sub(of_scales)) < 1e-9);
}

TEST_CASE(
    "nesterov: takes each gradient ahead of the point by decay * length * what is gathered, inside ball and box") {
  const auto net = smooth_net::make(12, 4, 1);
  const at::Tensor x = uniform({20, 12}, 2).to(at::kDouble);
  const at::Tensor y = labels(20, 4, 3);
  std::vector<at::Tensor> seen;
  const auto model = [&](const at::Tensor& point) {
    seen.push_back(point.detach().clone());
    return net(point);
  };
  const pgd_options options{.step = 0.04, .steps = 6, .random_start = false, .keep = iterate::last};
  const at::Tensor found = pgd{linf{0.1}, options, nesterov{0.7}}(model, x, y);
  at::Tensor point = x;
  at::Tensor m = at::zeros_like(x);
  for (const at::Tensor& looked : seen) {
    const at::Tensor ahead = point.add(m, 0.7 * 0.04 * 12).sub(x).clamp(-0.1, 0.1).add(x).clamp(0, 1);
    CHECK(largest(looked.sub(ahead)) < 1e-9);
    const at::Tensor g = gradient_at(net, ahead, y);
    m = m.mul(0.7).add(g.div(per_row(g.abs().sum(1))));
    point = point.add(m.sign(), 0.04).sub(x).clamp(-0.1, 0.1).add(x).clamp(0, 1);
  }
  CHECK(at::equal(seen[0], x));
  CHECK(largest(found.sub(point)) < 1e-9);
}

TEST_CASE("momentum, nesterov: neither the gradients' scale nor a NaN among them changes how the others count") {
  const at::Tensor first = uniform({3, 4}, 1, -1, 1);
  const at::Tensor second = uniform({3, 4}, 2, -1, 1);
  const auto after = [&](auto rule, double scale, bool nan) {
    (void)rule.next(l2{1}, view_of(first.mul(scale)));
    at::Tensor broken = second.mul(scale);
    broken[1][2] = nan ? std::numeric_limits<double>::quiet_NaN() : 0.0;
    (void)rule.next(l2{1}, view_of(broken));
    return rule.next(l2{1}, view_of(first.mul(scale)));
  };
  const auto check = [&](const auto& rule) {
    const at::Tensor expected = after(rule, 1, false);
    for (const double scale : {1e-37, 1e37}) {
      CHECK(at::allclose(after(rule, scale, false), expected, 1e-3, 1e-5));
    }
    CHECK(at::equal(after(rule, 1, true), expected));
  };
  check(momentum{0.8});
  check(nesterov{0.8});
}

TEST_CASE("momentum, nesterov: what is gathered follows its samples") {
  const at::Tensor first = uniform({5, 4}, 1, -1, 1);
  const at::Tensor second = uniform({5, 4}, 2, -1, 1);
  const at::Tensor rows = at::tensor({4, 0, 3}, at::kLong);
  const auto check = [&](auto rule) {
    (void)rule.next(l2{1}, view_of(first));
    auto some = rule.at(rows);
    const at::Tensor all = rule.next(l2{1}, view_of(second));
    CHECK(at::equal(some.next(l2{1}, view_of(second.index_select(0, rows))), all.index_select(0, rows)));
  };
  check(momentum{0.8});
  check(nesterov{0.8});
  // Before the first gradient there is nothing to follow.
  CHECK_FALSE(momentum{0.8}.at(rows).gathered.defined());
}

TEST_CASE("momentum, nesterov: a restart begins with nothing gathered") {
  const at::Tensor x = uniform({5, 6}, 1, 0.4, 0.6);
  std::vector<at::Tensor> seen;
  const auto model = [&, net = smooth_net::make(6, 3, 1)](const at::Tensor& point) {
    seen.push_back(point.detach().clone());
    return net(point).mul(0.001).add(at::tensor({100.0F, 0.0F, 0.0F}));
  };
  const auto check = [&](const auto& rule) {
    seen.clear();
    const pgd_options options{
        .step = 0.03, .steps = 4, .random_start = false, .restarts = 2, .loss = redoubt::margin{}};
    (void)pgd{linf{0.1}, options, rule}(model, x, at::zeros({5}, at::kLong));
    REQUIRE(seen.size() == 10);
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(at::equal(seen[i], seen[i + 5]));
    }
  };
  check(momentum{});
  check(nesterov{});
}

TEST_CASE("momentum, nesterov: a decay that is negative or no number is named") {
  const auto model = two_class(at::tensor({1.0F, -2.0F}));
  const at::Tensor x = at::full({1, 2}, 0.5);
  const at::Tensor y = at::ones({1}, at::kLong);
  const auto refused = [&](const auto& rule, const char* message) {
    CHECK_THROWS_WITH_AS((void)(pgd{linf{0.1}, {}, rule}(model, x, y)), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(momentum{-0.5}, "momentum: decay must be finite and not negative, got -0.5");
  refused(nesterov{std::numeric_limits<double>::infinity()}, "got inf");
}
