#include "background_pace.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>

using namespace redoubt::program;
using namespace std::chrono_literals;

TEST_CASE("background_pace: rests as told after it has waited, 5 s at most, and not where it worked") {
  const processor_turns before{.worked = 7'000'000, .waited = 3'000'000};
  const auto after = [&](std::int64_t worked, std::int64_t waited, int times) {
    return rest_after(before, {.worked = before.worked + worked, .waited = before.waited + waited}, times);
  };
  CHECK(after(1'000'000, 60'000'000, 9) == 540ms);
  CHECK(after(1'000'000, 60'000'000, 2) == 120ms);
  CHECK(after(1'000'000, 3'000'000, 9) == 0ns);
  CHECK(after(0, 0, 9) == 0ns);
  CHECK(after(0, 4'000'000'000, 9) == 5s);
}

TEST_CASE("background_pace: the kernel's count of work grows as a thread works") {
  const processor_turns before = turns_until_now();
  const auto end = std::chrono::steady_clock::now() + 50ms;
  double x = 1;
  while (std::chrono::steady_clock::now() < end) {
    x = std::sin(x);
  }
  const processor_turns now = turns_until_now();
  CHECK(std::isfinite(x));
  CHECK(now.worked + now.waited >= before.worked + before.waited + 25'000'000);
}
