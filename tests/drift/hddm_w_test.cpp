#include <redoubt/drift/hddm_w.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

#include "golden_checks.hpp"

using redoubt::alarm;

namespace {

const std::map<std::string, redoubt::hddm_w_options> named_options{
    {"default", {}}, {"lambda_val=0.1;two_sided_test=True", {.lambda = 0.1, .two_sided_test = true}}};

/// The sum of squared weights of so many values, whose recursion starts from `before`.
double squared_weights(double before, int values) {
  const double lambda = 0.05;
  for (int i = 0; i < values; ++i) {
    before = lambda * lambda + (1 - lambda) * (1 - lambda) * before;
  }
  return before;
}

/// How many ones after 200 zeros bring an alarm: the means are 0 and 1, so only the weights have to fall.
int ones_until_alarm(redoubt::variant form) {
  const int first = form == redoubt::variant::river ? 1 : 0;  // whether the first value already shrinks them
  const double zeros = squared_weights(1, 199 + first);
  for (int k = 1;; ++k) {
    const double ones = squared_weights(1, k - 1 + first);
    if (1 > std::sqrt((zeros + ones) * std::log(1 / 0.001) / 2)) {
      return k;
    }
  }
}

}  // namespace

TEST_CASE("hddm_w: ones after zeros alarm where the bound says, in both forms") {
  for (const redoubt::variant form : {redoubt::variant::river, redoubt::variant::paper}) {
    redoubt::hddm_w detector{{.form = form}};
    for (int i = 0; i < 200; ++i) {
      REQUIRE(detector.update(0) == alarm::none);
    }
    int k = 1;
    while (detector.update(1) != alarm::drift) {
      ++k;
    }
    CHECK(k == ones_until_alarm(form));
  }
}

TEST_CASE("hddm_w: only the two-sided test sees a fall, and sees it where a rise of the mirror image is seen") {
  redoubt::hddm_w one_sided;
  redoubt::hddm_w two_sided{{.two_sided_test = true}};
  redoubt::hddm_w mirrored;
  bool fell = false;
  for (int i = 0; i < 400; ++i) {
    const double value = i < 200 ? 1 : 0;
    REQUIRE(one_sided.update(value) != alarm::drift);
    const bool drift = mirrored.update(1 - value) == alarm::drift;
    REQUIRE((two_sided.update(value) == alarm::drift) == drift);
    fell = fell || drift;
  }
  CHECK(fell);
}

TEST_CASE("hddm_w: the mean weighs the newest value by lambda") {
  redoubt::hddm_w detector{{.lambda = 0.25}};
  detector.update(1);
  CHECK(detector.mean() == 1);
  detector.update(0);
  CHECK(detector.mean() == 0.75);
  CHECK(detector.statistic() == 0.75);
}

TEST_CASE("hddm_w: options out of range are refused by name") {
  CHECK_THROWS_WITH_AS(redoubt::hddm_w{{.lambda = 1}}, "hddm_w: lambda must lie strictly between 0 and 1, got 1",
                       std::invalid_argument);
  CHECK_THROWS_AS(redoubt::hddm_w{{.drift_confidence = 0}}, std::invalid_argument);
  CHECK_THROWS_AS(redoubt::hddm_w{{.warning_confidence = -1}}, std::invalid_argument);
}

TEST_CASE("hddm_w: alarms and warnings are river's") {
  golden::check_alarms<redoubt::hddm_w>("expect_river.csv", "HDDMW", named_options, 12);
}

TEST_CASE("hddm_w: the paper's form alarms where the reference does") {
  const std::map<std::string, redoubt::hddm_w_options> paper{
      {"default", {.form = redoubt::variant::paper}},
      {"lam=.1;two_sided", {.lambda = 0.1, .two_sided_test = true, .form = redoubt::variant::paper}}};
  golden::check_alarms<redoubt::hddm_w>("expect_paper_variants.csv", "HDDMW_paper", paper, 12);
}

TEST_CASE("hddm_w: inner states follow the reference trace") {
  golden::check_traces<redoubt::hddm_w>("HDDMW", named_options, 120,
                                        [](const redoubt::hddm_w& detector, const auto& row) {
                                          CHECK(detector.mean() == golden::near(golden::value_of(row, "total")));
                                          CHECK(detector.lowest_mean() == golden::near(golden::value_of(row, "s1")));
                                        });
}
