#include <redoubt/drift/hddm_a.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

#include "golden_checks.hpp"

using redoubt::alarm;

namespace {

const std::map<std::string, redoubt::hddm_a_options> named_options{{"default", {}},
                                                                   {"two_sided_test=True", {.two_sided_test = true}}};

/// How many ones after 200 zeros bring an alarm, by the formula: the cut stays behind the last zero.
int ones_until_alarm(double sides) {
  for (int k = 1;; ++k) {
    const double m = k / (200.0 * (200.0 + k));
    if (k / (200.0 + k) >= std::sqrt(m / 2 * std::log(sides / 0.001))) {
      return k;
    }
  }
}

}  // namespace

TEST_CASE("hddm_a: ones after zeros alarm where the bound says, in both forms") {
  for (const redoubt::variant form : {redoubt::variant::river, redoubt::variant::paper}) {
    redoubt::hddm_a detector{{.form = form}};
    for (int i = 0; i < 200; ++i) {
      REQUIRE(detector.update(0) == alarm::none);
    }
    CHECK(detector.lowest_count() == 200);
    int k = 1;
    while (detector.update(1) != alarm::drift) {
      ++k;
    }
    CHECK(k == ones_until_alarm(form == redoubt::variant::river ? 2 : 1));
  }
}

TEST_CASE("hddm_a: only the two-sided test sees a fall, and sees it where a rise of the mirror image is seen") {
  redoubt::hddm_a one_sided;
  redoubt::hddm_a two_sided{{.two_sided_test = true}};
  redoubt::hddm_a mirrored;
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

TEST_CASE("hddm_a: options out of range are refused by name") {
  CHECK_THROWS_WITH_AS(redoubt::hddm_a{{.drift_confidence = 0}},
                       "hddm_a: drift_confidence must lie strictly between 0 and 1, got 0", std::invalid_argument);
  CHECK_THROWS_AS(redoubt::hddm_a{{.warning_confidence = 1}}, std::invalid_argument);
}

TEST_CASE("hddm_a: alarms and warnings are river's") {
  golden::check_alarms<redoubt::hddm_a>("expect_river.csv", "HDDMA", named_options, 12);
}

TEST_CASE("hddm_a: the paper's form alarms where the reference does") {
  const std::map<std::string, redoubt::hddm_a_options> paper{
      {"default", {.form = redoubt::variant::paper}},
      {"two_sided", {.two_sided_test = true, .form = redoubt::variant::paper}}};
  golden::check_alarms<redoubt::hddm_a>("expect_paper_variants.csv", "HDDMA_paper", paper, 12);
}

TEST_CASE("hddm_a: inner states follow the reference trace") {
  golden::check_traces<redoubt::hddm_a>(
      "HDDMA", named_options, 120, [](const redoubt::hddm_a& detector, const auto& row) {
        CHECK(static_cast<double>(detector.count()) == golden::value_of(row, "n"));
        CHECK(detector.mean() == golden::near(golden::value_of(row, "mean")));
        CHECK(static_cast<double>(detector.lowest_count()) == golden::value_of(row, "n_min"));
        CHECK(detector.lowest_mean() == golden::near(golden::value_of(row, "mean_min")));
        CHECK(static_cast<double>(detector.highest_count()) == golden::value_of(row, "n_max"));
        CHECK(detector.highest_mean() == golden::near(golden::value_of(row, "mean_max")));
      });
}
