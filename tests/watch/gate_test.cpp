#include <redoubt/watch/gate.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <redoubt/evaluate/interval.hpp>
#include <stdexcept>
#include <string>

using redoubt::decide;
using redoubt::gate_decision;
using redoubt::robustness;

namespace {

robustness measured(std::int64_t n, std::int64_t clean, std::int64_t robust) {
  robustness report;
  report.n = n;
  report.clean_accuracy = static_cast<double>(clean) / static_cast<double>(n);
  report.clean_interval = redoubt::clopper_pearson(clean, n);
  report.robust_accuracy = static_cast<double>(robust) / static_cast<double>(n);
  report.robust_interval = redoubt::clopper_pearson(robust, n);
  return report;
}

bool passed(const gate_decision& decision, std::size_t test) {
  REQUIRE(decision.reasons.size() == 3);
  const std::string& reason = decision.reasons[test];
  REQUIRE((reason.rfind("passed: ", 0) == 0 || reason.rfind("failed: ", 0) == 0));
  return reason[0] == 'p';
}

}  // namespace

TEST_CASE("gate: a hardened model is promoted, and each reason says what was measured") {
  const gate_decision decision = decide(measured(1000, 850, 780), measured(1000, 900, 50));
  CHECK(decision.promote);
  REQUIRE(decision.reasons.size() == 3);
  CHECK(decision.reasons[0] == "passed: clean accuracy 0.9 -> 0.85, may fall by at most 0.06");
  CHECK(decision.reasons[1] == "passed: robust accuracy 0.05 -> 0.78, must rise by at least 0.05");
  CHECK(decision.reasons[2].rfind("passed: robust intervals [0.0", 0) == 0);
}

TEST_CASE("gate: a model that lost too much on clean samples is refused for that") {
  const gate_decision decision = decide(measured(1000, 839, 780), measured(1000, 900, 50));
  CHECK_FALSE(decision.promote);
  CHECK(decision.reasons[0] == "failed: clean accuracy 0.9 -> 0.839, may fall by at most 0.06");
  CHECK(passed(decision, 1));
  CHECK(passed(decision, 2));
}

TEST_CASE("gate: a model that gained too little is refused for that, however sure the gain is") {
  const gate_decision decision = decide(measured(100000, 90000, 54900), measured(100000, 90000, 50000));
  CHECK_FALSE(decision.promote);
  CHECK(passed(decision, 0));
  CHECK(decision.reasons[1] == "failed: robust accuracy 0.5 -> 0.549, must rise by at least 0.05");
  CHECK(passed(decision, 2));
}

TEST_CASE("gate: a gain that may be chance is refused") {
  const gate_decision decision = decide(measured(50, 45, 28), measured(50, 45, 20));
  CHECK_FALSE(decision.promote);
  CHECK(passed(decision, 0));
  CHECK(passed(decision, 1));
  CHECK(decision.reasons[2].rfind("failed: robust intervals [", 0) == 0);
  CHECK(decision.reasons[2].find("must not overlap") != std::string::npos);
}

TEST_CASE("gate: intervals that touch overlap") {
  robustness candidate = measured(1000, 900, 780);
  const robustness baseline = measured(1000, 900, 50);
  candidate.robust_interval.lower = baseline.robust_interval.upper;
  CHECK_FALSE(decide(candidate, baseline).promote);
}

TEST_CASE("gate: the model that serves does not replace itself") {
  const robustness same = measured(5000, 4500, 200);
  CHECK_FALSE(decide(same, same).promote);
}

TEST_CASE("gate: a model that failed everywhere hears of it all") {
  const gate_decision decision = decide(measured(500, 300, 100), measured(500, 450, 300));
  CHECK_FALSE(decision.promote);
  for (std::size_t test = 0; test < 3; ++test) {
    CHECK_FALSE(passed(decision, test));
  }
}

TEST_CASE("gate: exactly what is allowed passes, whatever double makes of the difference") {
  for (int percent = 10; percent <= 94; ++percent) {
    CAPTURE(percent);
    const robustness lower = measured(100, percent, percent);
    const robustness higher = measured(100, percent + 6, percent + 6);
    REQUIRE(passed(decide(lower, higher, {.largest_clean_drop = 0.06}), 0));
    REQUIRE(passed(decide(higher, lower, {.smallest_robust_gain = 0.06}), 1));
    REQUIRE_FALSE(passed(decide(lower, higher, {.largest_clean_drop = 0.05}), 0));
    REQUIRE_FALSE(passed(decide(higher, lower, {.smallest_robust_gain = 0.07}), 1));
  }
}

TEST_CASE("gate: its options are its limits") {
  const robustness candidate = measured(1000, 800, 780);
  const robustness baseline = measured(1000, 900, 50);
  CHECK_FALSE(decide(candidate, baseline).promote);
  CHECK(decide(candidate, baseline, {.largest_clean_drop = 0.2}).promote);
  CHECK_FALSE(decide(candidate, baseline, {.largest_clean_drop = 0.2, .smallest_robust_gain = 0.8}).promote);
}

TEST_CASE("gate: measures on different numbers of samples are not compared") {
  CHECK_THROWS_WITH_AS(static_cast<void>(decide(measured(100, 90, 80), measured(1000, 900, 50))),
                       "gate: the candidate was measured on 100 samples, the baseline on 1000; measure both on the "
                       "same",
                       std::invalid_argument);
}
