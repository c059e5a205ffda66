// Where the elements of large samples are held, and by how many blocks.

#include <redoubt/cuda/detail/step_plan.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>

using redoubt::cuda::detail::device_limits;
using redoubt::cuda::detail::plan_of;
using redoubt::cuda::detail::step_plan;

namespace {

constexpr device_limits without_clusters{.shared = 163 * 1024};
constexpr device_limits with_clusters{.shared = 226 * 1024, .cluster = 16, .full_cluster = 16};

}  // namespace

TEST_CASE("cuda: a sample that leaves room for others on a multiprocessor is one block's") {
  for (const device_limits& limits : {without_clusters, with_clusters}) {
    for (const std::int64_t size : {3073, 3 * 64 * 64}) {
      const step_plan plan = plan_of(size, limits);
      CHECK(plan.blocks == 1);
      CHECK(plan.shared >= 8 * static_cast<std::size_t>(size));
      CHECK(plan.shared <= 96 * 1024);
      CHECK(plan.scratch == 0);
    }
  }
}

TEST_CASE("cuda: a larger one is of as few blocks as leave room, up to a cluster's") {
  CHECK(plan_of(3 * 64 * 64 + 1, with_clusters).blocks == 2);
  CHECK(plan_of(3 * 224 * 224, with_clusters).blocks == 16);
  const step_plan full = plan_of(3 * 224 * 224, {.shared = 226 * 1024, .cluster = 8, .full_cluster = 8});
  CHECK(full.blocks == 8);
  CHECK(full.shared > 96 * 1024);
  CHECK(plan_of(3 * 224 * 224, {.shared = 226 * 1024, .cluster = 8, .full_cluster = 4}).scratch > 0);
  CHECK(plan_of(20000, without_clusters).blocks == 1);
  for (std::int64_t size = 3073; size < 2000000; size = size * 5 / 4) {
    const step_plan plan = plan_of(size, with_clusters);
    CAPTURE(size);
    CHECK((plan.shared > 0) != (plan.scratch > 0));
    CHECK(plan.shared <= with_clusters.shared);
    CHECK((plan.scratch > 0 ? plan.scratch / 2 : static_cast<std::int64_t>(plan.shared / 8) * plan.blocks) >= size);
  }
}

TEST_CASE("cuda: what no shared memory holds is in the device's, for several blocks where they may be a cluster") {
  CHECK(plan_of(1000000, with_clusters).blocks == 8);
  CHECK(plan_of(1000000, with_clusters).scratch >= 2000000);
  CHECK(plan_of(3 * 224 * 224, without_clusters).blocks == 1);
  CHECK(plan_of(3 * 224 * 224, without_clusters).scratch >= 2 * 3 * 224 * 224);
  // A device with less shared memory than a comfortable share: one of compute capability 7.5, say.
  CHECK(plan_of(3 * 64 * 64, {.shared = 60 * 1024}).scratch > 0);
  CHECK(plan_of(6000, {.shared = 60 * 1024}).shared > 0);
}
