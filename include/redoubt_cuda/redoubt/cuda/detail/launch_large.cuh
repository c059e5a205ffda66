#pragma once

#include <bit>
#include <cstddef>
#include <redoubt/cuda/detail/held.cuh>
#include <redoubt/cuda/detail/launch_of_teams.cuh>
#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/cuda/detail/step_plan.hpp>
#include <redoubt/cuda/detail/teams.cuh>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::cuda::detail {

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

/// Queues a step of samples that are too large for registers, or says what scratch it wants. Gives a cudaError_t.
template <class Ball>
int launch_large(const device_step& s, const Ball& ball) {
  using team = cluster_team<threads_of_plan>;
  device_limits limits;
  if (const int error = allow_all<team>(step_by_sample<Ball, team, in_shared<team>>, limits); error != 0) {
    return error;
  }
  const step_plan plan = plan_of(s.size, limits);
  if (plan.scratch > 0 && s.scratch == nullptr) {
    *s.wanted = plan.scratch * s.samples;
    return 0;
  }
  const launch_of_teams<team> launch{s, s.samples * plan.blocks, plan.blocks, plan.shared};
  return plan.scratch > 0 ? launch.template queue<in_memory<team>>(s, ball)
                          : launch.template queue<in_shared<team>>(s, ball);
}

}  // namespace redoubt::cuda::detail
