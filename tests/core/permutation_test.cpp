#include <redoubt/core/permutation.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

using redoubt::permutation;
using order = std::vector<std::int64_t>;

TEST_CASE("permutation: holds each number once") {
  for (const std::int64_t count : {0, 1, 2, 3, 10, 1000}) {
    order numbers = permutation(count, 42);
    order expected(static_cast<std::size_t>(count));
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(std::is_permutation(numbers.begin(), numbers.end(), expected.begin(), expected.end()));
  }
}

TEST_CASE("permutation: repeats for the same seed and stream, differs for others") {
  CHECK(permutation(100, 1) == permutation(100, 1));
  CHECK(permutation(100, 1, 2) == permutation(100, 1, 2));
  CHECK(permutation(100, 1) != permutation(100, 2));
  CHECK(permutation(100, 1, 0) != permutation(100, 1, 1));
}

TEST_CASE("permutation: every order is equally likely") {
  constexpr int draws = 24000;
  std::map<order, int> seen;
  for (int stream = 0; stream < draws; ++stream) {
    ++seen[permutation(4, 9, static_cast<std::uint64_t>(stream))];
  }
  REQUIRE(seen.size() == 24);
  double chi_squared = 0;
  for (const auto& [numbers, times] : seen) {
    chi_squared += std::pow(times - draws / 24.0, 2) / (draws / 24.0);
  }
  CHECK(chi_squared < 49.7);  // 99.9 % of 23 degrees of freedom
}
