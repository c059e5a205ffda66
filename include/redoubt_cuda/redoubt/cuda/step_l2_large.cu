// The l2 step on a device, of samples that are too large for registers.

#include <redoubt/cuda/detail/launch_large.cuh>
#include <redoubt/norm/detail/ball_steps.hpp>

namespace redoubt::cuda::detail {

template int launch_large(const device_step&, const redoubt::detail::l2_step&);

}  // namespace redoubt::cuda::detail
