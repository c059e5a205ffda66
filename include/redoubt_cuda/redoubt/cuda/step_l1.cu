// The step of the l1 ball: along the signs of the largest elements.

#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/project_l0.hpp>
#include <redoubt/norm/detail/project_l1.hpp>

namespace {

struct ball {
  static constexpr bool free_only = true;  ///< only elements that the box lets move have a gradient

  template <class Elements>
  static __device__ void direction(Elements& elements, const redoubt::detail::device_step& s) {
    redoubt::detail::signs_of_largest(elements, s.most);
  }

  template <class Elements>
  static __device__ void project(Elements& elements, double size) {
    redoubt::detail::project_l1(elements, size);
  }
};

}  // namespace

int redoubt_cuda_step_l1(const redoubt::detail::device_step& step) {
  return redoubt::cuda::detail::launch<ball>(step);
}
