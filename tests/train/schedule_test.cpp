#include <redoubt/train/schedule.hpp>

#include <doctest/doctest.h>

#include <cmath>

using doctest::Approx;

TEST_CASE("one_cycle rises in a line to its peak, and falls in a line to nothing") {
  const redoubt::one_cycle rate{.peak = 8, .warm_up = 0.4};
  CHECK(rate(0) == 0);
  CHECK(rate(0.1) == Approx(2));
  CHECK(rate(0.2) == Approx(4));
  CHECK(rate(0.4) == Approx(8));
  CHECK(rate(0.55) == Approx(6));
  CHECK(rate(0.7) == Approx(4));
  CHECK(rate(1) == 0);
}

TEST_CASE("one_cycle reaches its peak where it is told to") {
  for (const double warm_up : {0.05, 0.25, 0.5, 0.9}) {
    CAPTURE(warm_up);
    const redoubt::one_cycle rate{.peak = 3, .warm_up = warm_up};
    CHECK(rate(warm_up) == Approx(3));
    CHECK(rate(warm_up / 2) == Approx(1.5));
    CHECK(rate((1 + warm_up) / 2) == Approx(1.5));
  }
}

TEST_CASE("cosine falls from its peak along half a cosine") {
  const redoubt::cosine rate{.peak = 2};
  CHECK(rate(0) == Approx(2));
  CHECK(rate(1.0 / 3) == Approx(1.5));
  CHECK(rate(0.5) == Approx(1));
  CHECK(rate(2.0 / 3) == Approx(0.5));
  CHECK(rate(1) == Approx(0));
}

TEST_CASE("cosine warms up in a line, and goes on from the peak without a jump") {
  const redoubt::cosine rate{.peak = 2, .warm_up = 0.2};
  CHECK(rate(0) == 0);
  CHECK(rate(0.05) == Approx(0.5));
  CHECK(rate(std::nextafter(0.2, 0.0)) == Approx(2));
  CHECK(rate(0.2) == Approx(2));
  CHECK(rate(0.6) == Approx(1));
  CHECK(rate(1) == Approx(0));
}

TEST_CASE("no schedule ever asks for a negative rate") {
  const redoubt::schedule rates[] = {redoubt::one_cycle{.peak = 1}, redoubt::one_cycle{.peak = 1, .warm_up = 0.01},
                                     redoubt::cosine{.peak = 1}, redoubt::cosine{.peak = 1, .warm_up = 0.3}};
  for (const redoubt::schedule& rate : rates) {
    for (int i = 0; i < 1000; ++i) {
      const double now = rate(i / 1000.0);
      REQUIRE(now >= 0);
      REQUIRE(now <= 1);
    }
  }
}

TEST_CASE("a schedule is any callable") {
  const redoubt::schedule steps = [](double progress) { return progress < 0.5 ? 0.1 : 0.01; };
  CHECK(steps(0.2) == 0.1);
  CHECK(steps(0.7) == 0.01);
  CHECK_FALSE(static_cast<bool>(redoubt::schedule{}));
}
