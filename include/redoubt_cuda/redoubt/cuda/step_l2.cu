// The step of the l2 ball: along the gradient over its length.

#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/project_l2.hpp>
#include <redoubt/norm/detail/unit.hpp>

namespace {

struct ball {
  static constexpr bool free_only = false;  ///< only elements that the box lets move have a gradient

  template <class Elements>
  static __device__ void direction(Elements& elements, const redoubt::detail::device_step& /*s*/) {
    redoubt::detail::make_unit_l2(elements);
  }

  template <class Elements>
  static __device__ void project(Elements& elements, double size) {
    redoubt::detail::project_l2(elements, size);
  }
};

}  // namespace

int redoubt_cuda_step_l2(const redoubt::detail::device_step& step) {
  return redoubt::cuda::detail::launch<ball>(step);
}
