// The l2 step on a device.

#include <redoubt/cuda/detail/launch.cuh>
#include <redoubt/norm/detail/ball_steps.hpp>
#include <redoubt/norm/detail/device_step.hpp>

int redoubt_cuda_step_l2(const redoubt::detail::device_step& step) {
  return redoubt::cuda::detail::launch(step, redoubt::detail::l2_step{});
}
