#include "monitors.hpp"

#include "run_program.hpp"

#include "../models.hpp"

#include <doctest/doctest.h>

#include <redoubt/core/philox.hpp>
#include <redoubt/norm/linf.hpp>
#include <string>
#include <vector>

using namespace redoubt::program;
namespace testing = redoubt::testing;
using redoubt::alarm;
using redoubt::self_attack_detector;

namespace {

/// Two tight clusters on either side of a linear classifier's boundary: an attack moves its input visibly.
struct clusters {
  at::Tensor x;
  at::Tensor y;

  clusters(std::int64_t count, std::uint64_t seed) {
    y = at::arange(count, at::kLong).remainder(2);
    x = testing::uniform({count, 1, 4, 4}, seed, -0.02, 0.02)
            .add(y.to(at::kFloat).sub(0.5).mul(0.3).view({-1, 1, 1, 1}));
    x.add_(0.5);
  }
};

self_attack_detector label_free() {
  testing::linear_classifier model = testing::two_class(at::full({16}, 4.0), -32);
  const clusters fit(300, 1);
  const clusters calibrate(300, 2);
  return self_attack_detector::learn(model, redoubt::attack_mixture(redoubt::linf{.radius = 0.05}), fit.x, fit.y,
                                     calibrate.x, {.run_length = 1e3, .caution = 1});
}

healthy_state healthy() {
  healthy_state state{.error_limit = 0.1, .run_length = 1e4, .confidences = {}};
  for (int i = 0; i < 500; ++i) {
    state.confidences.push_back(0.5 + i / 1000.0);
  }
  return state;
}

constexpr double calm = -4;  // the lowest evidence of attack that a request can show

/// A healthy stream's values: an error every 20 requests, confidences as held out.
observation ordinary(std::int64_t request) {
  return {.attack_score = calm, .confidence = 0.5 + static_cast<double>(request * 7919 % 500) / 1000};
}

const detector_figures& named(const detection_figures& figures, const std::string& name) {
  for (const detector_figures& each : figures.detectors) {
    if (each.name == name) {
      return each;
    }
  }
  FAIL("no detector " << name);
  return figures.detectors.front();
}

}  // namespace

TEST_CASE("the alarm that acts comes first, the label-free one second, and one alone acts") {
  const monitors watched{healthy(), label_free()};
  const detection_figures figures = watched.figures();
  REQUIRE(figures.detectors.size() == 8);
  CHECK(figures.detectors[0].name == "e-SR");
  CHECK(figures.detectors[0].acts);
  CHECK(figures.detectors[0].kind == evidence::labelled);
  CHECK(contains(figures.detectors[0].note, "10,000 requests"));
  CHECK(figures.detectors[1].kind == evidence::label_free);
  CHECK(contains(figures.detectors[1].note, "1,000 requests"));
  CHECK(named(figures, "KS test").kind == evidence::two_sample);
  int acting = 0;
  for (const detector_figures& each : figures.detectors) {
    acting += each.acts ? 1 : 0;
    CHECK_FALSE(each.position.has_value());
    CHECK_FALSE(each.note.empty());
  }
  CHECK(acting == 1);
  CHECK_FALSE(figures.attack_began_at.has_value());
  CHECK_FALSE(figures.flagged_at.has_value());
}

TEST_CASE("a healthy stream raises neither of the two alarms that count") {
  monitors watched{healthy(), label_free()};
  for (std::int64_t request = 0; request < 3000; ++request) {
    watched.see(request, ordinary(request));
    watched.see_label(request, request % 20 == 0, false);
  }
  CHECK_FALSE(watched.alarmed());
  CHECK(watched.figures().false_alarms == 0);
  CHECK(named(watched.figures(), "KS test").false_alarms == 0);
}

TEST_CASE("an alarm before the attack is a false one, and starts nothing") {
  monitors watched{healthy(), label_free()};
  for (std::int64_t request = 0; request < 200; ++request) {
    watched.see_label(request, true, false);
  }
  CHECK_FALSE(watched.alarmed());
  const detection_figures figures = watched.figures();
  CHECK(figures.false_alarms > 1);
  CHECK(figures.false_alarms == figures.detectors[0].false_alarms);
  CHECK_FALSE(figures.flagged_at.has_value());
}

TEST_CASE("the acting alarm is e-SR's, at the request that was newest, and the first one stays") {
  const healthy_state state = healthy();
  redoubt::e_sr reference = acting_alarm(state);
  CHECK(reference.options().healthy == 0.1);
  CHECK(reference.options().run_length == 1e4);

  monitors watched{state, label_free()};
  constexpr std::int64_t began = 100;
  constexpr std::int64_t delay = 10;
  std::int64_t expected = -1;
  for (std::int64_t request = 0; request < 400; ++request) {
    if (request == began) {
      watched.attack_begins(began);
    }
    watched.see(request, ordinary(request));
    if (request < delay) {
      continue;
    }
    const std::int64_t labelled = request - delay;
    const bool attacked = labelled >= began;
    const bool wrong = attacked || labelled % 20 == 0;
    watched.see_label(request, wrong, attacked);
    if (reference.update(wrong ? 1 : 0) == alarm::drift && expected < 0) {
      expected = request;
    }
    CHECK(watched.alarmed() == (expected >= 0));
  }
  const detection_figures figures = watched.figures();
  REQUIRE(expected > began + delay);
  CHECK(figures.attack_began_at == began);
  CHECK(figures.flagged_at == expected);
  CHECK(figures.labels_seen == expected - delay - began + 1);
  CHECK(figures.false_alarms == 0);
  CHECK_FALSE(figures.flagged_without_labels_at.has_value());
}

TEST_CASE("the label-free alarm needs no label, and is the detector's own") {
  self_attack_detector reference = label_free();
  monitors watched{healthy(), label_free()};
  watched.attack_begins(0);
  std::int64_t expected = -1;
  for (std::int64_t request = 0; request < 300; ++request) {
    watched.see(request, {.attack_score = 0.5, .confidence = ordinary(request).confidence});
    if (reference.update(0.5) == alarm::drift && expected < 0) {
      expected = request;
    }
  }
  const detection_figures figures = watched.figures();
  REQUIRE(expected >= 0);
  CHECK(figures.flagged_without_labels_at == expected);
  CHECK_FALSE(figures.detectors[1].labels_seen.has_value());
  CHECK_FALSE(watched.alarmed());  // it is shown, but does not act
}

TEST_CASE("the two-sample test sees confidences change, once its window is full") {
  monitors watched{healthy(), label_free()};
  watched.attack_begins(0);
  for (std::int64_t request = 0; request < 400; ++request) {
    watched.see(request, {.attack_score = calm, .confidence = 0.99});
  }
  CHECK(named(watched.figures(), "KS test").position == 199);
}

TEST_CASE("a replay of clean requests counts the alarms that the detectors give") {
  const healthy_state state = healthy();
  const self_attack_detector detector = label_free();
  const std::vector<double> no_errors(100, 0);
  const std::vector<double> calm_scores(100, calm);
  const replayed_alarms none = replay_clean(state, detector, no_errors, calm_scores, 5000, 1);
  CHECK(none.requests == 5000);
  CHECK(none.acting == 0);
  CHECK(none.label_free == 0);

  std::vector<double> errors(100, 0);
  std::vector<double> scores(100, calm);
  for (std::size_t i = 0; i < 100; i += 2) {
    errors[i] = 1;
    scores[i] = 4;
  }
  const replayed_alarms some = replay_clean(state, detector, errors, scores, 5000, 1);
  redoubt::e_sr acting = acting_alarm(state);
  self_attack_detector label_free_alarm = detector;
  redoubt::philox_sequence random{1};
  replayed_alarms expected;
  for (int i = 0; i < 5000; ++i) {
    const std::size_t drawn = random.below(100);
    expected.acting += acting.update(errors[drawn]) == alarm::drift ? 1 : 0;
    expected.label_free += label_free_alarm.update(scores[drawn]) == alarm::drift ? 1 : 0;
  }
  CHECK(some.acting > 10);
  CHECK(some.acting == expected.acting);
  CHECK(some.label_free == expected.label_free);
}

TEST_CASE("a replay begins afresh, whatever its detector has seen") {
  self_attack_detector excited = label_free();
  while (excited.statistic() < 0.9 * excited.threshold()) {
    excited.update(0.05 * excited.threshold());
  }
  const std::vector<double> errors(10, 0);
  const std::vector<double> scores(10, 0.01 * excited.threshold());
  CHECK(replay_clean(healthy(), excited, errors, scores, 50, 1).label_free == 0);
}
