#include <redoubt/attack/detail/part_seed.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <set>

using redoubt::detail::part_seed;

static_assert(part_seed(7, 0) == 7);

TEST_CASE("part_seed: parts of one seed, and of its neighbours, all differ") {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (std::uint32_t part = 0; part < 20; ++part) {
      seen.insert(part_seed(seed, part));
    }
  }
  CHECK(seen.size() == 1000);
}
