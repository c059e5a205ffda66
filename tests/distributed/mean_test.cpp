#include <redoubt/distributed/mean.hpp>

#include "ranks.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using redoubt::mean_over_ranks;
using redoubt::process_group;

TEST_CASE("the mean of metrics is over all ranks, each weighed by its samples") {
  std::vector<std::vector<double>> got(3);
  std::vector<std::vector<double>> weighed(3);
  CHECK(ranks::together(3, [&](const process_group& group) {
          const double own = group.rank();
          const auto place = static_cast<std::size_t>(group.rank());
          got[place] = mean_over_ranks(group, {own, 10 * own});
          weighed[place] = mean_over_ranks(group, {own}, own);
        }) == ranks::nothing(3));
  CHECK(got == std::vector<std::vector<double>>(3, {1, 10}));
  CHECK(weighed == std::vector<std::vector<double>>(3, {5. / 3}));
}

TEST_CASE("what stands for no samples counts for nothing, even where it is no number") {
  std::vector<std::vector<double>> got(2);
  CHECK(ranks::together(2, [&](const process_group& group) {
          const bool first = group.rank() == 0;
          const double none = std::numeric_limits<double>::quiet_NaN();
          got[static_cast<std::size_t>(group.rank())] = mean_over_ranks(group, {first ? 0.25 : none}, first ? 4 : 0);
        }) == ranks::nothing(2));
  CHECK(got == std::vector<std::vector<double>>(2, {0.25}));
}

TEST_CASE("one process's mean is its own, and no samples at all have none") {
  const process_group alone{redoubt::rendezvous{}};
  CHECK(mean_over_ranks(alone, {0.5}) == std::vector<double>{0.5});
  CHECK_THROWS_AS(static_cast<void>(mean_over_ranks(alone, {0.5}, 0)), std::invalid_argument);
}
