#pragma once

#include <cstddef>
#include <cstdint>
#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::cuda::detail {

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

}  // namespace redoubt::cuda::detail
