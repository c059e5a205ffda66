#include <redoubt/drift/detail/bucket_window.hpp>

#include <doctest/doctest.h>

#include <vector>

namespace {

/// The lengths of the buckets, oldest first.
std::vector<double> lengths(const redoubt::detail::bucket_window& window) {
  std::vector<double> found;
  double before = 0;
  const bool stopped = window.any_border([&](double length, double) {
    found.push_back(length - before);
    before = length;
    return false;
  });
  CHECK_FALSE(stopped);
  return found;
}

}  // namespace

TEST_CASE("bucket_window: buckets are powers of two, older ones no smaller, at most so many of a size") {
  for (const int most : {1, 2, 5}) {
    redoubt::detail::bucket_window window{most};
    for (int n = 1; n <= 1000; ++n) {
      window.push(n);
      double sum = 0;
      double previous = 1e9;
      int alike = 0;
      for (const double length : lengths(window)) {
        alike = length == previous ? alike + 1 : 1;
        REQUIRE(length <= previous);
        REQUIRE(alike <= most);
        previous = length;
        sum += length;
      }
      REQUIRE(sum == n);
      REQUIRE(window.width() == n);
    }
  }
}

TEST_CASE("bucket_window: sum and squared deviations stay those of the values kept while old ones are dropped") {
  redoubt::detail::bucket_window window{2};
  for (int n = 1; n <= 100; ++n) {
    window.push(n);
  }
  while (window.width() > 0) {
    const auto w = static_cast<double>(window.width());
    CHECK(window.sum() == doctest::Approx(w * (100 + 100 - w + 1) / 2));          // the newest are 100 - w + 1 ... 100
    CHECK(window.squared_deviations() == doctest::Approx(w * (w * w - 1) / 12));  // of w consecutive integers
    window.drop_oldest();
  }
  CHECK(window.sum() == 0);
  CHECK(window.squared_deviations() == 0);
  window.push(3);
  CHECK(lengths(window) == std::vector<double>{1});
}

TEST_CASE("bucket_window: any_border hands out running lengths and sums and stops where it is told") {
  redoubt::detail::bucket_window window{5};
  for (const double value : {1.0, 2.0, 4.0}) {
    window.push(value);
  }
  int calls = 0;
  CHECK(window.any_border([&](double length, double sum) {
    ++calls;
    return length == 2 && sum == 3;
  }));
  CHECK(calls == 2);
}
