// The step of the l0 ball: along the gradient over its largest element.

#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/project_l0.hpp>
#include <redoubt/norm/detail/unit.hpp>

namespace {

struct ball {
  static constexpr bool free_only = false;  ///< only elements that the box lets move have a gradient

  template <class Elements>
  static __device__ void direction(Elements& elements, const redoubt::detail::device_step& /*s*/) {
    redoubt::detail::make_unit_linf(elements);
  }

  template <class Elements>
  static __device__ void project(Elements& elements, double size) {
    redoubt::detail::project_l0(elements, size);
  }
};

}  // namespace

int redoubt_cuda_step_l0(const redoubt::detail::device_step& step) {
  return redoubt::cuda::detail::launch<ball>(step);
}
