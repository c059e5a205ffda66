#include <redoubt/train/training_share.hpp>

#include <ATen/ATen.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>

using redoubt::training_share;

TEST_CASE("one process has all of it") {
  const training_share alone;
  CHECK(alone.of(7).first == 0);
  CHECK(alone.of(7).count == 7);
}

TEST_CASE("shares follow each other without gap or overlap, differ by one at most, and the first is the largest") {
  for (std::int64_t world = 1; world <= 5; ++world) {
    for (std::int64_t count = 0; count <= 12; ++count) {
      CAPTURE(world);
      CAPTURE(count);
      std::int64_t next = 0;
      std::int64_t last = count;
      for (std::int64_t rank = 0; rank < world; ++rank) {
        const training_share share{.rank = rank, .world = world};
        const training_share::part own = share.of(count);
        CHECK(own.first == next);
        CHECK(own.count <= last);
        CHECK((own.count == count / world || own.count == count / world + 1));
        next = own.first + own.count;
        last = own.count;
      }
      CHECK(next == count);
    }
  }
}
