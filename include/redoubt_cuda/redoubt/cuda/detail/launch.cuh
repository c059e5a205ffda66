#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <redoubt/cuda/detail/held.cuh>
#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/cuda/detail/step_plan.hpp>
#include <redoubt/cuda/detail/teams.cuh>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::cuda::detail {

/// Whether a step's memory may be accessed sixteen bytes at once.
inline bool is_aligned(const device_step& s) {
  const auto bits = reinterpret_cast<std::uintptr_t>(s.to) | reinterpret_cast<std::uintptr_t>(s.from) |
                    reinterpret_cast<std::uintptr_t>(s.x) | reinterpret_cast<std::uintptr_t>(s.gradient) |
                    reinterpret_cast<std::uintptr_t>(s.gathered);
  return bits % sizeof(four) == 0;
}

/// A launch of teams, one a sample; `shared` bytes a block hold elements.
template <class Team>
class launch_of_teams {
 public:
  launch_of_teams(const device_step& s, std::int64_t blocks, unsigned cluster = 1, std::size_t shared = 0) {
    config_.gridDim.x = static_cast<unsigned>(blocks);
    config_.blockDim.x = Team::threads;
    config_.dynamicSmemBytes = sizeof(typename Team::shared) + shared;
    config_.stream = static_cast<cudaStream_t>(s.stream);
    attribute_.id = cudaLaunchAttributeClusterDimension;
    attribute_.val.clusterDim = {cluster, 1, 1};
    config_.attrs = &attribute_;
    config_.numAttrs = cluster > 1 ? 1 : 0;
  }
  launch_of_teams(const launch_of_teams&) = delete;  // the configuration knows where its attribute is
  launch_of_teams& operator=(const launch_of_teams&) = delete;

  template <class Held, class Ball>
  int queue(const device_step& s, const Ball& ball) const {
    cudaLaunchKernelEx(&config_, step_by_sample<Ball, Team, Held>, s, ball);
    return static_cast<int>(cudaGetLastError());
  }

  [[nodiscard]] const cudaLaunchConfig_t& config() const { return config_; }

 private:
  cudaLaunchConfig_t config_{};
  cudaLaunchAttribute attribute_{};
};

/// How many blocks of `kernel` the current device takes as a cluster, each of so many bytes; a power of two.
template <class Team, class Kernel>
unsigned largest_cluster(Kernel* kernel, std::size_t shared) {
  const launch_of_teams<Team> like{{}, Team::most_blocks, 1, shared};
  int blocks = 0;
  cudaOccupancyMaxPotentialClusterSize(&blocks, kernel, &like.config());
  return blocks < 1 ? 1 : std::bit_floor(static_cast<unsigned>(blocks));
}

/// What the current device lets launches of `kernel` ask for, and lets them do so; gives a cudaError_t.
template <class Team, class Kernel>
int allow_all(Kernel* kernel, device_limits& limits) {
  int device = 0;
  int shared = 0;
  int clusters = 0;
  cudaFuncAttributes made{};
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  cudaDeviceGetAttribute(&clusters, cudaDevAttrClusterLaunch, device);
  cudaFuncGetAttributes(&made, kernel);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) {
    return static_cast<int>(error);
  }
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
  limits.shared = static_cast<std::size_t>(shared) - sizeof(typename Team::shared);
  if (clusters != 0 && made.ptxVersion >= 90) {  // code for older devices knows of none
    cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
    limits.cluster = largest_cluster<Team>(kernel, comfortable_shared);
    limits.full_cluster = largest_cluster<Team>(kernel, limits.shared);
  }
  return static_cast<int>(cudaGetLastError());
}

/// A step of samples that are too large for registers.
template <class Ball>
int launch_large(const device_step& s, const Ball& ball) {
  using team = cluster_team<threads_of_plan>;
  device_limits limits;
  if (const int error = allow_all<team>(step_by_sample<Ball, team, in_shared<team>>, limits); error != 0) {
    return error;
  }
  const step_plan plan = plan_of(s.size, limits);
  if (s.wanted != nullptr) {
    *s.wanted = plan.scratch * s.samples;
    return 0;
  }
  const launch_of_teams<team> launch{s, s.samples * plan.blocks, plan.blocks, plan.shared};
  return plan.scratch > 0 ? launch.template queue<in_memory<team>>(s, ball)
                          : launch.template queue<in_shared<team>>(s, ball);
}

/// Queues the step on its stream, or says what it wants; gives a cudaError_t.
template <class Ball>
int launch(device_step s, const Ball& ball) {
  s.fours = s.size % 4 == 0 && is_aligned(s);
  if (s.size <= 32 * 8) {
    using team = warp_team<128>;
    return launch_of_teams<team>{s, (s.samples + 3) / 4}.template queue<in_registers<team, 8>>(s, ball);
  }
  if (s.size <= 128 * 8) {
    using team = block_team<128>;
    return launch_of_teams<team>{s, s.samples}.template queue<in_registers<team, 8>>(s, ball);
  }
  if (s.size <= redoubt::detail::largest_in_registers) {
    using team = block_team<256>;
    static_assert(redoubt::detail::largest_in_registers == 256 * 12);
    return launch_of_teams<team>{s, s.samples}.template queue<in_registers<team, 12>>(s, ball);
  }
  return launch_large(s, ball);
}

}  // namespace redoubt::cuda::detail
