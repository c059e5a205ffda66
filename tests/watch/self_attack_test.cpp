#include <redoubt/watch/self_attack.hpp>

#include <doctest/doctest.h>

#include <ATen/ATen.h>
#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/core/philox.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/train/adversarial_trainer.hpp>
#include <redoubt/train/schedule.hpp>
#include <stdexcept>
#include <vector>

#include "../train/small_problem.hpp"

using redoubt::alarm;
using redoubt::attack_mixture;
using redoubt::labelled_data;
using redoubt::linf;
using redoubt::self_attack_detector;

namespace {

constexpr double radius = 0.1;

/// A standard model of the small problem: accurate, not robust. In train mode, as a training leaves it to its owner.
redoubt::script_model trained_model() {
  redoubt::script_model model = small::scripted(1);
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
  redoubt::adversarial_trainer{model,
                               redoubt::no_attack{},
                               optimizer,
                               small::accurate_or_robust(1024, 1),
                               {.epochs = 10, .batch = 64, .schedule = redoubt::one_cycle{0.02}}}
      .run();
  model.train();
  return model;
}

struct deployment {
  redoubt::script_model model = trained_model();
  labelled_data fit = small::accurate_or_robust(1000, 2);
  labelled_data calibrate = small::accurate_or_robust(1000, 3);
  labelled_data stream = small::accurate_or_robust(2000, 4);

  self_attack_detector detector = learnt({});

  [[nodiscard]] self_attack_detector learnt(const redoubt::self_attack_options& options) {
    return self_attack_detector::learn(model, attack_mixture(linf{.radius = radius}), fit.x, fit.y, calibrate.x,
                                       options);
  }
};

/// Enough to see what an option does.
redoubt::self_attack_options quick() {
  return {.run_length = 1e3, .classifier = {.epochs = 5}};
}

/// Made once, as it takes a second.
deployment& deployed() {
  static deployment one;
  return one;
}

/// Requests until the alarm when `scores` arrive in random order, at most `limit`.
int requests_until_alarm(self_attack_detector detector, const std::vector<double>& scores, std::uint64_t seed,
                         int limit) {
  redoubt::philox_sequence random{seed};
  for (int i = 1; i <= limit; ++i) {
    if (detector.update(scores[random.below(static_cast<std::uint32_t>(scores.size()))]) == alarm::drift) {
      return i;
    }
  }
  return limit + 1;
}

}  // namespace

TEST_CASE("self_attack_detector: attacked requests alarm within a few tens, without labels") {
  deployment& d = deployed();
  const self_attack_detector& detector = d.detector;
  const auto shows = [&](const auto& attack, int median_limit) {
    const redoubt::eval_scope scope{d.model};
    const at::Tensor attacked = attack(d.model, d.stream.x, d.stream.y);
    REQUIRE(redoubt::accuracy(d.model, attacked, d.stream.y) < 0.3);
    const std::vector<double> scores = detector.scores(d.model, attacked);
    CHECK(detector.scores(d.model, attacked, d.model(attacked).detach()) == scores);
    std::vector<int> delays;
    for (std::uint64_t seed = 0; seed < 101; ++seed) {
      delays.push_back(requests_until_alarm(detector, scores, seed, 1000));
    }
    std::sort(delays.begin(), delays.end());
    MESSAGE("requests until the alarm: median " << delays[50] << ", longest " << delays[100]);
    CHECK(delays[50] <= median_limit);
    CHECK(delays[100] <= 4 * median_limit);
  };
  shows(redoubt::fgsm{linf{.radius = radius}}, 30);
  shows(redoubt::pgd{linf{.radius = radius}, {.step = radius / 4, .steps = 10}}, 30);
}

TEST_CASE("self_attack_detector: clean requests do not alarm over 20,000 replays") {
  deployment& d = deployed();
  const self_attack_detector& detector = d.detector;
  const std::vector<double> scores = detector.scores(d.model, d.stream.x);
  CHECK(requests_until_alarm(detector, scores, 77, 20000) == 20001);
}

TEST_CASE("self_attack_detector: no request counts for more than the clip, and no single one alarms") {
  deployment& d = deployed();
  for (const double clip : {1.5, 4.}) {
    CAPTURE(clip);
    redoubt::self_attack_options options = quick();
    options.clip = clip;
    const self_attack_detector detector = d.learnt(options);
    const redoubt::fgsm attack{linf{.radius = radius}};
    for (const at::Tensor& x : {d.stream.x, attack(d.model, d.stream.x, d.stream.y)}) {
      const std::vector<double> scores = detector.scores(d.model, x);
      REQUIRE(scores.size() == 2000);
      for (const double score : scores) {
        REQUIRE(std::abs(score) <= clip);
      }
    }
    CHECK(detector.threshold() >= clip);
  }
}

TEST_CASE("self_attack_detector: a model whose attacks are told from clean at once still gets a threshold") {
  // Far attacks on a model that saturates: every clean score is the lowest there is, and no sum leaves zero.
  deployment& d = deployed();
  const auto obvious = [](const redoubt::classifier_view&, const at::Tensor& x, const at::Tensor&, const at::Tensor&) {
    return at::zeros_like(x);
  };
  self_attack_detector detector =
      self_attack_detector::learn(d.model, {obvious}, d.fit.x, d.fit.y, d.calibrate.x, {.clip = 1, .run_length = 1e3});
  CHECK(detector.threshold() >= 1);
  for (const double score : detector.scores(d.model, d.stream.x)) {
    REQUIRE(detector.update(score) == alarm::none);
  }
  int requests = 0;
  for (const double score : detector.scores(d.model, at::zeros({10, small::features}))) {
    ++requests;
    if (detector.update(score) == alarm::drift) {
      break;
    }
  }
  CHECK(requests <= 5);
}

TEST_CASE("self_attack_detector: the same seed gives the same detector to the bit") {
  deployment& d = deployed();
  const self_attack_detector one = d.learnt(quick());
  const self_attack_detector other = d.learnt(quick());
  CHECK(one.threshold() == other.threshold());
  CHECK(one.scores(d.model, d.stream.x) == other.scores(d.model, d.stream.x));
}

TEST_CASE("self_attack_detector: the batch decides how much is done at once, and no score beyond a rounding") {
  deployment& d = deployed();
  const std::vector<double> all = d.detector.scores(d.model, d.stream.x);
  const std::vector<double> few = d.detector.scores(d.model, d.stream.x.narrow(0, 500, 7));
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(few[i] == doctest::Approx(all[500 + i]).epsilon(1e-3));
  }
}

TEST_CASE("self_attack_detector leaves the model's modes and weights and the global generator as they were") {
  deployment& d = deployed();
  const auto modes = d.model.modes();
  REQUIRE(std::any_of(modes.begin(), modes.end(), [](bool training) { return training; }));
  const auto weights = small::state_of(d.model);
  at::manual_seed(6);
  const at::Tensor expected = at::rand({4});
  at::manual_seed(6);
  const self_attack_detector detector = d.learnt(quick());
  static_cast<void>(detector.scores(d.model, d.stream.x));
  CHECK(d.model.modes() == modes);
  CHECK(small::same_bits(small::state_of(d.model), weights));
  CHECK(small::same_bits(at::rand({4}), expected));
}

TEST_CASE("self_attack_detector starts afresh after an alarm, and when it is told to") {
  self_attack_detector detector = deployed().detector;
  int to_alarm = 1;
  while (detector.update(2) == alarm::none) {
    ++to_alarm;
  }
  CHECK(to_alarm == static_cast<int>(std::floor(detector.threshold() / 2)) + 1);
  CHECK(detector.update(1) == alarm::none);
  CHECK(detector.statistic() == 1);
  detector.reset();
  CHECK(detector.statistic() == 0);
}

TEST_CASE("self_attack_detector: a longer run length has a higher threshold") {
  deployment& d = deployed();
  redoubt::self_attack_options longer = quick();
  longer.run_length *= 10;
  CHECK(d.learnt(quick()).threshold() < d.learnt(longer).threshold());
}

TEST_CASE("attack_mixture: four attacks, one step at a third, half and all of the radius and PGD at all of it") {
  deployment& d = deployed();
  const redoubt::eval_scope scope{d.model};
  const auto mixture = attack_mixture(linf{.radius = radius});
  const double expected[] = {radius, radius / 2, radius / 3, radius};
  REQUIRE(mixture.size() == 4);
  const at::Tensor x = d.fit.x.narrow(0, 0, 50);
  for (std::size_t i = 0; i < 4; ++i) {
    const at::Tensor attacked = mixture[i](d.model, x, d.fit.y.narrow(0, 0, 50), {});
    CHECK((attacked - x).abs().max().item<double>() == doctest::Approx(expected[i]).epsilon(1e-5));
  }
}

TEST_CASE("self_attack_detector needs an attack, and one that shows") {
  deployment& d = deployed();
  CHECK_THROWS_WITH_AS(static_cast<void>(self_attack_detector::learn(d.model, {}, d.fit.x, d.fit.y, d.calibrate.x)),
                       "self_attack_detector: needs at least one attack", std::invalid_argument);
  CHECK_THROWS_WITH_AS(static_cast<void>(d.learnt({.batch = 0})),
                       "self_attack_detector: batch must be at least 1, got 0", std::invalid_argument);
  // Nothing to tell: the scores of clean requests have no reason to be below zero.
  const auto modes = d.model.modes();
  const auto harmless = [](const redoubt::classifier_view&, const at::Tensor& x, const at::Tensor&, const at::Tensor&) {
    return x;
  };
  const redoubt::self_attack_options few{.run_length = 1e3, .classifier = {.epochs = 1}};
  try {
    const auto detector = self_attack_detector::learn(d.model, {harmless}, d.fit.x, d.fit.y, d.calibrate.x, few);
    CHECK(detector.threshold() >= few.clip);
  } catch (const std::invalid_argument& error) {
    CHECK(std::string{error.what()}.find("cannot tell") != std::string::npos);
  }
  CHECK(d.model.modes() == modes);
}
