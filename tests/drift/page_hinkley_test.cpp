#include <redoubt/drift/page_hinkley.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

#include "golden_checks.hpp"
#include "splitmix64.hpp"

using redoubt::alarm;
using redoubt::direction;

namespace {

const std::map<std::string, redoubt::page_hinkley_options> named_options{
    {"default", {}},
    {"threshold=20.0", {.threshold = 20}},
    {"min_instances=30;delta=0.01;threshold=15.0;alpha=1.0;mode=up",
     {.min_instances = 30, .delta = 0.01, .threshold = 15, .alpha = 1, .mode = direction::up}}};

}  // namespace

TEST_CASE("page_hinkley: a step adds up as its formula says") {
  // After 100 zeros the k-th one lies 100 / (100 + k) above the mean that includes it.
  redoubt::page_hinkley detector{{.delta = 0, .threshold = 20, .alpha = 1}};
  for (int i = 0; i < 100; ++i) {
    REQUIRE(detector.update(0) == alarm::none);
  }
  double risen = 0;
  for (int k = 1; risen <= 20; ++k) {
    risen += 100.0 / (100 + k);
    REQUIRE(detector.update(1) == (risen > 20 ? alarm::drift : alarm::none));
    REQUIRE(detector.statistic() == golden::near(risen));
  }
}

TEST_CASE("page_hinkley: up on a stream is down on its mirror image") {
  const std::uint64_t seed = 5;
  CAPTURE(seed);
  splitmix64 random{seed};
  redoubt::page_hinkley up{{.threshold = 5, .mode = direction::up}};
  redoubt::page_hinkley down{{.threshold = 5, .mode = direction::down}};
  int alarms = 0;
  for (int i = 0; i < 3000; ++i) {
    const double value = random.uniform() + (i > 1500 ? 1 : 0);
    const alarm said = up.update(value);
    REQUIRE(down.update(-value) == said);
    REQUIRE(down.statistic() == doctest::Approx(up.statistic()));
    alarms += said == alarm::drift ? 1 : 0;
  }
  CHECK(alarms > 0);
}

TEST_CASE("page_hinkley: one-sided modes do not see the other side") {
  redoubt::page_hinkley up{{.threshold = 10, .mode = direction::up}};
  redoubt::page_hinkley down{{.threshold = 10, .mode = direction::down}};
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(up.update(i < 500 ? 1 : 0) == alarm::none);
    REQUIRE(down.update(i < 500 ? 0 : 1) == alarm::none);
  }
}

TEST_CASE("page_hinkley: no alarm before min_instances") {
  redoubt::page_hinkley detector{{.min_instances = 50, .threshold = 1}};
  for (int i = 0; i < 49; ++i) {
    REQUIRE(detector.update(i) == alarm::none);
  }
  CHECK(detector.update(49) == alarm::drift);
}

TEST_CASE("page_hinkley: options out of range are refused by name") {
  CHECK_THROWS_WITH_AS(redoubt::page_hinkley{{.alpha = 1.5}}, "page_hinkley: alpha must lie in (0, 1], got 1.5",
                       std::invalid_argument);
  CHECK_THROWS_AS(redoubt::page_hinkley{{.threshold = 0}}, std::invalid_argument);
  CHECK_THROWS_AS(redoubt::page_hinkley{{.delta = -0.1}}, std::invalid_argument);
  CHECK_THROWS_AS(redoubt::page_hinkley{{.min_instances = 0}}, std::invalid_argument);
}

TEST_CASE("page_hinkley: alarms are river's") {
  golden::check_alarms<redoubt::page_hinkley>("expect_river.csv", "PageHinkley", named_options, 30);
}

TEST_CASE("page_hinkley: inner states follow the reference trace") {
  golden::check_traces<redoubt::page_hinkley>(
      "PageHinkley", named_options, 300, [](const redoubt::page_hinkley& detector, const auto& row) {
        const double rise = golden::value_of(row, "up") - golden::value_of(row, "min_up");
        const double fall = golden::value_of(row, "max_down") - golden::value_of(row, "down");
        const bool up_only = detector.options().mode == direction::up;
        CHECK(static_cast<double>(detector.count()) == golden::value_of(row, "n"));
        CHECK(detector.mean() == golden::near(golden::value_of(row, "mean")));
        CHECK(detector.statistic() == golden::near(up_only ? rise : std::max(rise, fall)));
      });
}
