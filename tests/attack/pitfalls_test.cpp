// Sixteen ways in which attack libraries were seen to be weak or wrong. Each case states what redoubt does instead,
// and, where a few lines can play the other's part, shows that the same check fails on him.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <redoubt/attack/carlini_wagner.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/square.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/model/normalised.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <vector>

#include "../nn_models.hpp"

using redoubt::draw;
using redoubt::fgsm;
using redoubt::iterate;
using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::pgd;
using redoubt::pgd_options;
using redoubt::robust_accuracy;
using redoubt::testing::count;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

namespace {

/// A net, inputs in [0, 1] and the labels that the net gives them, so that every sample is there to be won.
struct task {
  smooth_net net;
  at::Tensor x;
  at::Tensor y;

  static task make(std::uint64_t seed, std::int64_t samples = 60, std::int64_t inputs = 12) {
    task made{smooth_net::make(inputs, 4, seed), uniform({samples, inputs}, seed + 10), {}};
    made.y = predictions(made.net, made.x);
    return made;
  }

  [[nodiscard]] at::Tensor fooled(const at::Tensor& adversarial) const { return predictions(net, adversarial).ne(y); }
};

at::Tensor label_one(const at::Tensor& x) {
  return at::ones({x.size(0)}, at::kLong);
}

at::Tensor column(const at::Tensor& values) {
  return values.unsqueeze(1);
}

/// The gradient of the loss, summed over the batch, as everybody computes it.
template <class Model>
at::Tensor gradient_of(const Model& model, const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor leaf = x.detach().clone().requires_grad_();
  return torch::autograd::grad({redoubt::cross_entropy{}(model(leaf), y).sum()}, {leaf})[0];
}

at::Tensor generator_state() {
  return at::detail::getDefaultCPUGenerator().get_state();
}

}  // namespace

// 1. Steps of one pixel, rescaling in place of a projection, a maximum over the whole batch.

TEST_CASE(
    "pitfall 1: PGD over l1 comes near the best point of ball and box, for each sample of a batch as for one alone") {
  const at::Tensor w = uniform({100, 1}, 1, -1, 1).flatten();
  const at::Tensor x = uniform({6, 100}, 2);
  constexpr double radius = 6;
  const auto model = two_class(w, 50);
  // The best of a linear loss: pixel after pixel to the end of the box, the steepest first, until the radius is spent.
  const at::Tensor order = w.abs().argsort(0, true);
  const at::Tensor room = x.where(w.gt(0), x.neg().add(1)).index_select(1, order);
  const at::Tensor spent = room.cumsum(1).clamp_max(radius);
  const at::Tensor best = at::cat({spent.narrow(1, 0, 1), spent.diff(1, 1)}, 1).mv(w.abs().index_select(0, order));
  const auto share = [&](const at::Tensor& d) { return d.neg().mv(w).div(best); };
  const auto well_done = [&](const at::Tensor& d) {
    return share(d).min().item<double>() > 0.97 && l1::length(d).min().item<double>() > 0.99 * radius;
  };

  const pgd attack{l1{radius}, {.step = 0.5, .steps = 100, .random_start = false, .loss = redoubt::margin{}}};
  const at::Tensor together = attack(model, x, label_one(x)).sub(x);
  CHECK(well_done(together));
  CHECK(share(together).max().item<double>() < 1 + 1e-5);
  for (std::int64_t i = 0; i < 6; ++i) {
    const at::Tensor alone = x.narrow(0, i, 1);
    // Outcomes, not bits: which of two gradients as good as equal counts as larger may hang on a rounding.
    const at::Tensor by_itself = attack(model, alone, label_one(alone)).sub(alone);
    CHECK(std::abs(by_itself.sub(together.narrow(0, i, 1)).mv(w).div(best[i]).item<double>()) < 1e-3);
  }

  // One pixel a step, clipped, then scaled back to the radius.
  at::Tensor one_pixel = x;
  const at::Tensor g = w.neg().expand_as(x);
  // Over the whole batch one pixel a step.
  at::Tensor one_of_batch = x;
  for (int step = 0; step < 100; ++step) {
    const at::Tensor mask = at::zeros_like(x).scatter(1, g.abs().argmax(1, true), 1);
    at::Tensor d = one_pixel.add(g.sign().mul(mask), 0.5).clamp(0, 1).sub(x);
    d = d.mul(column(l1::length(d).reciprocal().mul(radius).clamp_max(1)));
    one_pixel = x.add(d);
    at::Tensor first = at::zeros({x.numel()});
    first[g.flatten().abs().argmax().item<std::int64_t>()] = 1;
    one_of_batch = one_of_batch.add(g.sign().mul(first.view_as(x)), 0.5).clamp(0, 1);
  }
  CHECK_FALSE(well_done(one_pixel.sub(x)));
  CHECK(share(one_pixel.sub(x)).max().item<double>() < 0.5);
  CHECK_FALSE(well_done(one_of_batch.sub(x)));
}

// 2. Restarts that return the last one, or the best by the batch's mean.

TEST_CASE("pitfall 2: a sample is fooled if any of its restarts fools it") {
  const task given = task::make(1, 400);
  constexpr int restarts = 5;
  const linf ball{0.07};
  const pgd_options options{.step = 0.14, .steps = 2, .restarts = restarts, .seed = 3};
  std::vector<at::Tensor> each;
  std::vector<double> loss;
  for (std::uint32_t restart = 0; restart < restarts; ++restart) {
    pgd_options alone = options;
    alone.restarts = 1;
    alone.start = [&](const at::Tensor& x, const at::Tensor& rows, const draw&) {
      return ball.sample(x, rows, {.seed = 3, .restart = restart});
    };
    const at::Tensor found = pgd{ball, alone}(given.net, given.x, given.y);
    each.push_back(given.fooled(found));
    loss.push_back(redoubt::cross_entropy{}(given.net(found), given.y).mean().item<double>());
  }
  const at::Tensor any = at::stack(each).any(0);
  CHECK(at::equal(given.fooled(pgd{ball, options}(given.net, given.x, given.y)), any));
  CHECK_FALSE(at::equal(each.back(), any));
  const auto best_mean = std::max_element(loss.begin(), loss.end()) - loss.begin();
  CHECK_FALSE(at::equal(each[static_cast<std::size_t>(best_mean)], any));
}

// 3. The point after the last step is returned unseen, or never reached.

TEST_CASE("pitfall 3: the last step counts: K steps of a reach K a, and that point is looked at") {
  const auto model = two_class(at::tensor({1.0, -1.0}, at::kDouble), 0.05);
  const at::Tensor x = at::full({1, 2}, 0.5, at::kDouble);
  const at::Tensor y = label_one(x);
  std::vector<at::Tensor> seen;
  const auto looked = [&](const at::Tensor& point) {
    seen.push_back(point.detach().clone());
    return model(point);
  };
  const pgd_options options{.step = 0.01, .steps = 3, .random_start = false};
  const auto result = pgd{linf{0.1}, options}.run(looked, x, y);
  const auto radius = [&](const at::Tensor& point) { return largest(point.sub(x)); };
  CHECK(radius(result.adversarial) == doctest::Approx(0.03));
  CHECK(at::equal(seen.back(), result.adversarial));
  // It is this very step that fools the model here.
  CHECK(result.fooled.item<bool>());
  // The best of the points at which a gradient was taken.
  CHECK(radius(seen[2]) == doctest::Approx(0.02));
  CHECK_FALSE(predictions(model, seen[2]).ne(y).item<bool>());
}

// 4. The last iterate, whatever came before.

TEST_CASE("pitfall 4: the best point is returned: one that fools if any did") {
  std::int64_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const task given = task::make(seed, 400);
    std::vector<at::Tensor> on_the_way;
    const auto model = [&](const at::Tensor& point) {
      at::Tensor logits = given.net(point);
      on_the_way.push_back(logits.argmax(1).ne(given.y));
      return logits;
    };
    // Steps as long as the ball is wide: the points jump about.
    const at::Tensor found = pgd{linf{0.1}, {.step = 0.3, .steps = 8}}(model, given.x, given.y);
    CHECK(at::equal(given.fooled(found), at::stack(on_the_way).any(0)));
    lost += count(given.fooled(found)) - count(on_the_way.back());
  }
  CHECK(lost > 0);
}

// 5. A loss averaged over the batch, and a number added to the divisor.

TEST_CASE("pitfall 5: neither the batch nor the model's confidence changes the length of an l2 step") {
  const task given = task::make(2);
  const auto lengths = [&](const auto& step, double scale, std::int64_t samples) {
    const auto model = [&](const at::Tensor& point) { return given.net(point).mul(scale); };
    const at::Tensor x = given.x.narrow(0, 0, samples);
    return l2::length(step(model, x, given.y.narrow(0, 0, samples)).sub(x));
  };
  const auto all_right = [&](const auto& step) {
    bool right = true;
    for (const double scale : {1e-9, 1.0, 3.0}) {
      for (const std::int64_t samples : {1, 60}) {
        right = right && at::allclose(lengths(step, scale, samples), at::full({samples}, 0.1), 1e-4);
      }
    }
    return right;
  };
  CHECK(all_right([](const auto& model, const at::Tensor& x, const at::Tensor& y) {
    return pgd{l2{1}, {.step = 0.1, .steps = 1, .random_start = false, .box = {-9, 9}, .keep = iterate::last}}(model, x,
                                                                                                               y);
  }));
  CHECK_FALSE(all_right([](const auto& model, const at::Tensor& x, const at::Tensor& y) {
    const at::Tensor g = gradient_of(model, x, y).div(x.size(0));
    return x.add(g.div(column(g.norm(2, 1)).add(1e-10)), 0.1);
  }));
}

// 6. Cross-entropy that saturates in float32.

TEST_CASE("pitfall 6: samples without a gradient are counted and warned of, and the margin wins them") {
  const task given = task::make(3);
  const auto confident = [&](const at::Tensor& point) { return given.net(point).mul(1000); };
  pgd_options options{.step = 0.02, .random_start = false};
  const auto saturated = robust_accuracy(pgd{linf{0.1}, options}, confident, given.x, given.y);
  CHECK(saturated.zero_gradient_samples > 20);
  CHECK_FALSE(saturated.warnings.empty());
  options.loss = redoubt::margin{};
  const auto honest = robust_accuracy(pgd{linf{0.1}, options}, confident, given.x, given.y);
  CHECK(honest.zero_gradient_samples == 0);
  CHECK(honest.robust_accuracy < saturated.robust_accuracy - 0.2);
  // Why: the gradient that others climb as well is zero to the last bit.
  CHECK(count(gradient_of(confident, given.x, given.y).abs().amax(1).eq(0)) > 20);
}

// 7. Gradients left in the parameters, and a result that hangs on its graph.

TEST_CASE("pitfall 7: no parameter has a gradient after an attack, and the result has no graph") {
  const task given = task::make(4);
  const auto parameters = {given.net.w1, given.net.b1, given.net.w2, given.net.b2};
  const auto clean = [&] {
    return std::none_of(parameters.begin(), parameters.end(), [](const at::Tensor& p) { return p.grad().defined(); });
  };
  const at::Tensor found = pgd{linf{0.1}, {}}(given.net, given.x, given.y);
  CHECK(clean());
  CHECK_FALSE(found.requires_grad());
  CHECK_FALSE(found.grad_fn());
  // Backward through the whole model, as most do.
  const at::Tensor leaf = given.x.clone().requires_grad_();
  redoubt::cross_entropy{}(given.net(leaf), given.y).sum().backward();
  CHECK_FALSE(clean());
}

// 8. The global generator set to the attack's seed.

TEST_CASE("pitfall 8: the global generator goes on as if there had been no attack") {
  const task given = task::make(5);
  const at::Tensor before = generator_state();
  const auto next_after = [&](std::int64_t seed, const auto& attack) {
    at::manual_seed(static_cast<std::uint64_t>(seed));
    attack();
    return at::rand({4});
  };
  const auto keeps = [&](const auto& attack) {
    return at::equal(next_after(1, attack), next_after(1, [] {})) &&
           !at::equal(next_after(1, attack), next_after(2, attack));
  };
  CHECK(keeps([&] { (void)(pgd{linf{0.1}, {.steps = 2, .restarts = 2}}(given.net, given.x, given.y)); }));
  CHECK(keeps([&] { (void)(redoubt::square{linf{0.1}, {.queries = 5}}(given.net, given.x, given.y)); }));
  CHECK_FALSE(keeps([&] {
    at::manual_seed(0);
    (void)at::rand_like(given.x);
  }));
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(before);
}

// 9. Modes that are not put back, or not as they were, or not after an exception.

TEST_CASE("pitfall 9: each submodule's mode is as it was after an attack, an evaluation, and an exception inside one") {
  auto model = redoubt::testing::fragile_nn();
  const at::Tensor x = uniform({20, 6}, 1);
  const at::Tensor y = redoubt::testing::labels(20, 3, 2);
  model.train(true);
  std::vector<bool> modes = model.modes();
  modes[2] = false;  // a BatchNorm that its owner froze
  model.set_modes(modes);
  const pgd attack{linf{0.1}, {.steps = 2}};
  (void)attack(model, x, y);
  CHECK(model.modes() == modes);
  (void)robust_accuracy(attack, model, x, y);
  CHECK(model.modes() == modes);
  const auto broken = [](const at::Tensor&, const at::Tensor&) -> at::Tensor { throw std::runtime_error{"loss"}; };
  CHECK_THROWS_WITH((void)robust_accuracy(pgd{linf{0.1}, {.loss = broken}}, model, x, y), "loss");
  CHECK(model.modes() == modes);
  // Everything to eval and back to train.
  model.train(false);
  model.train(true);
  CHECK_FALSE(model.modes() == modes);
}

// 10. Normalised data, attacked as if they lay in [0, 1].

TEST_CASE("pitfall 10: inputs outside the box are refused, and normalising inside the model keeps eps in pixels") {
  const task given = task::make(6);
  const at::Tensor normal = given.x.sub(0.5).div(0.25);
  constexpr double eps = 8. / 255;
  CHECK_THROWS_WITH_AS((void)(pgd{linf{eps}, {}}(given.net, normal, given.y)),
                       doctest::Contains("pgd: the input must lie in the box [0, 1], but spans [-"),
                       std::invalid_argument);
  const redoubt::normalised model{given.net, 0.5, 0.25};
  const at::Tensor found = pgd{linf{eps}, {}}(model, given.x, predictions(model, given.x));
  CHECK(largest(found.sub(given.x)) <= eps + 1e-7);
  CHECK(found.min().item<double>() >= 0);
  CHECK(found.max().item<double>() <= 1);
  // Clip last: far outside the ball. Clip first and project last: outside the box.
  const at::Tensor step = normal.add(gradient_of(given.net, normal, given.y).sign(), eps);
  CHECK(largest(step.clamp(0, 1).sub(normal)) > 1);
  CHECK(normal.add(step.clamp(0, 1).sub(normal).clamp(-eps, eps)).min().item<double>() < -1);
}

// 11. The change of variables that black and white pixels cannot leave.

TEST_CASE(
    "pitfall 11: Carlini and Wagner's attack moves pixels that are black or white, and searches for its constant") {
  const at::Tensor x = uniform({10, 16}, 1).round();
  const smooth_net net = smooth_net::make(16, 3, 2);
  const at::Tensor y = predictions(net, x);
  const auto found = redoubt::carlini_wagner{l2{9}, {.steps = 100, .search_steps = 6}}.minimal(net, x, y);
  CHECK(found.found.all().item<bool>());
  CHECK(found.points.ne(x).any(1).all().item<bool>());
  // The constant it begins with is far too small to fool anybody: the search is what succeeds.
  const redoubt::carlini_wagner no_search{l2{9}, {.steps = 100, .search_steps = 1, .initial_constant = 1e-4}};
  CHECK(count(no_search.minimal(net, x, y).found) == 0);
  // tanh: at w = atanh(2 x - 1), infinite, the point has no derivative.
  const at::Tensor w = x.mul(2).sub(1).atanh().requires_grad_();
  const at::Tensor point = w.tanh().add(1).div(2);
  const at::Tensor g = torch::autograd::grad({redoubt::cross_entropy{}(net(point), y).sum()}, {w})[0];
  CHECK(largest(g) == 0);
}

// 12. Random starts that are not uniform in the l2 ball.

TEST_CASE("pitfall 12: an l2 random start is uniform in the ball: near the sphere in many dimensions, rarely on it") {
  constexpr double eps = 0.5;
  const auto is_uniform = [&](const at::Tensor& d) {
    const auto dimensions = static_cast<double>(d.size(1));
    // The distance's distribution function is (r / eps)^D, so that its D-th power is uniform.
    const at::Tensor u = std::get<0>(l2::length(d).to(at::kDouble).div(eps).pow(dimensions).sort());
    const at::Tensor expected = at::arange(d.size(0), at::kDouble).add(0.5).div(d.size(0));
    return largest(u.sub(expected)) < 1.63 / std::sqrt(static_cast<double>(d.size(0)));  // Kolmogorov's test at 1 %
  };
  for (const std::int64_t dimensions : {2, 784}) {
    const at::Tensor x = at::zeros({1000, dimensions});
    const at::Tensor d = l2{eps}.sample(x, first_rows(1000), {.seed = 4});
    CHECK(is_uniform(d));
    CHECK(l2::length(d).mean().item<double>() ==
          doctest::Approx(eps * static_cast<double>(dimensions) / static_cast<double>(dimensions + 1)).epsilon(0.02));
    const at::Tensor unit = d.div(column(l2::length(d)));
    CHECK_FALSE(is_uniform(unit.mul(uniform({1000, 1}, 5)).mul(eps)));  // a radius uniform in [0, eps]
    CHECK_FALSE(is_uniform(unit.mul(eps)));                             // on the sphere
  }
}

// 13. Rounding beyond eps, and successes lost by a strict comparison.

TEST_CASE("pitfall 13: x + d exceeds eps by no more than a rounding of x, and no success is lost for it") {
  const at::Tensor x = uniform({500, 20}, 1, 0.1, 0.9);
  constexpr double eps = 8. / 255;
  // Right at x; wrong only where each pixel has moved by all of eps, to a millionth.
  const at::Tensor w = at::ones({20});
  const at::Tensor bias = x.sum(1, true).sub(20 * (eps - 1e-6)).neg();
  const auto model = [&](const at::Tensor& point) {
    const at::Tensor score = point.matmul(column(w)).add(bias);
    return at::cat({at::zeros_like(score), score}, 1);
  };
  const auto result = pgd{linf{eps}, {.step = eps, .steps = 2, .random_start = false, .loss = redoubt::margin{}}}.run(
      model, x, label_one(x));
  const at::Tensor length = linf::length(result.adversarial.to(at::kDouble).sub(x.to(at::kDouble)));
  CHECK(length.max().item<double>() <= eps + 0x1p-25);
  CHECK(count(result.fooled) > 400);
  CHECK(at::equal(predictions(model, result.adversarial).ne(1), result.fooled));
  // To count only what lies inside, to the last bit, would lose more than a tenth of them.
  CHECK(10 * count(result.fooled.logical_and(length.gt(eps))) > count(result.fooled));
}

// 14. R-FGSM that is another attack, FGSM without targets and with a forward too many.

TEST_CASE("pitfall 14: FGSM is one gradient step and one forward, targeted and from a uniform start as well") {
  const task given = task::make(7);
  int calls = 0;
  const auto model = [&](const at::Tensor& point) {
    ++calls;
    return given.net(point);
  };
  const auto cost_of = [&](const redoubt::fgsm_options& options) {
    calls = 0;
    (void)(fgsm{linf{0.1}, options}(model, given.x, given.y));
    return calls;
  };
  CHECK(cost_of({}) == 1);
  CHECK(cost_of({.random_start = true, .step = 1.25}) == 1);
  CHECK(cost_of({.targeted = true}) == 1);
  // Targeted, it goes the way that takes the target's loss down.
  const at::Tensor target = given.y.add(1).remainder(4);
  const at::Tensor towards = fgsm{linf{0.02}, {.targeted = true}}(given.net, given.x, target);
  const auto loss = [&](const at::Tensor& x) { return redoubt::cross_entropy{}(given.net(x), target); };
  CHECK(count(loss(towards).lt(loss(given.x))) > 55);
  // A start uniform in the ball, not at plus or minus a step: a step of no length stays there.
  const at::Tensor start =
      fgsm{linf{0.1}, {.random_start = true, .step = 0, .box = {-1, 2}}}(given.net, given.x, given.y);
  const at::Tensor size = start.sub(given.x).abs().flatten();
  CHECK(size.mean().item<double>() == doctest::Approx(0.05).epsilon(0.1));
  CHECK(size.std().item<double>() == doctest::Approx(0.1 / std::sqrt(12.0)).epsilon(0.1));
}

// 15. Defaults: no random start, batches of 32, predictions for a line of a log, float64 by accident.

TEST_CASE(
    "pitfall 15: by default an attack starts at random, takes the batch whole, and asks for nothing but its points") {
  const at::Tensor x = uniform({100, 12}, 1);
  std::vector<at::Tensor> asked;
  const auto model = [&, net = two_class(at::ones({12}), 100)](const at::Tensor& point) {
    asked.push_back(point.detach().clone());
    return net(point);
  };
  const auto check = [&](const auto& ball, std::size_t calls) {
    asked.clear();
    const at::Tensor found = pgd{ball, {}}(model, x, label_one(x));
    CHECK(asked.size() == calls);
    for (const at::Tensor& each : asked) {
      CHECK(each.size(0) == 100);
      CHECK((each.scalar_type() == at::kFloat));
    }
    CHECK((found.scalar_type() == at::kFloat));
    CHECK_FALSE(at::equal(asked[0], x));
  };
  check(linf{8. / 255}, 11);
  check(linf{at::full({100}, 8. / 255, at::kDouble)}, 11);  // a radius in double does not make x double
  check(l2{0.5}, 11);
  check(l1{1}, 13);  // in three balls, one after the other
  CHECK((x.clamp_min(at::full({1, 1}, -8. / 255, at::kDouble)).scalar_type() == at::kDouble));
}

// 16. What was read of in others' threads.

TEST_CASE("pitfall 16: the norm that an l2 step is divided by is each sample's own, not the batch's") {
  const task given = task::make(8);
  // One sample's gradient is a million times the others'.
  const at::Tensor scale = at::ones({60, 1}).index_fill(0, at::tensor({7}, at::kLong), 1e6);
  const auto loss = [&](const at::Tensor& z, const at::Tensor& y) {
    return redoubt::margin{}(z, y).mul(scale.flatten());
  };
  const pgd attack{
      l2{1}, {.step = 0.1, .steps = 1, .random_start = false, .loss = loss, .box = {-9, 9}, .keep = iterate::last}};
  CHECK(at::allclose(l2::length(attack(given.net, given.x, given.y).sub(given.x)), at::full({60}, 0.1), 1e-4));
  const at::Tensor g = gradient_of(given.net, given.x, given.y).mul(scale);
  CHECK(l2::length(g.div(g.norm()).mul(0.1)).min().item<double>() < 1e-4);
}

TEST_CASE("pitfall 16: a softmax too many is not taken for robustness: what it takes of the gradient is warned of") {
  const task given = task::make(9);
  const auto probabilities = [&](const at::Tensor& point) { return given.net(point).mul(100).softmax(1); };
  const pgd attack{linf{0.1}, {.step = 0.02, .random_start = false}};
  const auto report = robust_accuracy(attack, probabilities, given.x, given.y);
  CHECK(report.zero_gradient_samples > 0);
  CHECK_FALSE(report.warnings.empty());
  CHECK(report.robust_accuracy > robust_accuracy(attack, given.net, given.x, given.y).robust_accuracy + 0.2);
}

TEST_CASE("pitfall 16: nothing left to attack is no obstacle: to Square, to PGD, to an evaluation") {
  const task given = task::make(10);
  const at::Tensor wrong = given.y.add(1).remainder(4);
  const auto check = [&](const auto& attack) {
    const auto none = attack.run(given.net, given.x.narrow(0, 0, 0), given.y.narrow(0, 0, 0));
    CHECK(none.adversarial.sizes() == at::IntArrayRef{0, 12});
    // All are wrong as they are.
    CHECK(attack.run(given.net, given.x, wrong).fooled.all().template item<bool>());
    const auto report = robust_accuracy(attack, given.net, given.x, wrong);
    CHECK(report.clean_accuracy == 0);
    CHECK(report.robust_accuracy == 0);
  };
  check(redoubt::square{linf{0.1}, {.queries = 20, .restarts = 2}});
  check(redoubt::square{l2{0.5}, {.queries = 20}});
  check(pgd{linf{0.1}, {.restarts = 3, .drop_fooled = true}});
}

TEST_CASE("pitfall 16: a randomised model is judged by the mean of many answers, not by one unlucky draw") {
  // Right nine times of ten, wherever the point is.
  int turn = 0;
  const auto model = [&](const at::Tensor& point) {
    const at::Tensor right = at::tensor({3.0F, 0.0F});
    return point.sum(1, true).mul(1e-6).add(turn++ % 10 == 9 ? right.flip(0) : right);
  };
  const at::Tensor x = uniform({20, 8}, 1);
  const at::Tensor y = at::zeros({20}, at::kLong);
  const auto accuracy = [&](int draws) {
    turn = 0;
    const pgd attack{linf{0.1}, {.steps = 10, .loss = redoubt::margin{}, .eot = draws}};
    return robust_accuracy(attack, model, x, y, {.evaluations = draws});
  };
  CHECK(accuracy(20).robust_accuracy == 1);
  CHECK(accuracy(20).clean_accuracy == 1);
  // A single look calls samples fooled that are right nine times of ten.
  turn = 0;
  CHECK(pgd{linf{0.1}, {.steps = 10, .loss = redoubt::margin{}}}.run(model, x, y).fooled.all().item<bool>());
}
