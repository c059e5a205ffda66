// Program and libraries agree on one set of kernels; where there is a GPU it finds what the host finds, where there is
// none it says so.
#include <redoubt/core/detail/device.hpp>
#include <redoubt/norm/detail/device_step.hpp>

#include <ATen/ATen.h>
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstring>

#include "library.hpp"

namespace {

bool is(bool right, const char* what) {
  std::printf("%s: %s\n", what, right ? "yes" : "NO");
  return right;
}

}  // namespace

int main() {
  const auto* const own = reinterpret_cast<const void*>(&redoubt_cuda_step_linf);
  bool right = is(own != nullptr && first::step() == own && second::step() == own, "one kernel for all three");

  const at::Tensor x = at::linspace(0, 1, 5 * 12).reshape({5, 12});
  const at::Tensor y = at::tensor({0, 1, 2, 0, 1}, at::kLong);
  const at::Tensor expected = first::attack(x, y);
  right &= is(at::equal(expected, second::attack(x, y)), "both libraries attack alike");

  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    const int error = redoubt_cuda_step_linf({.samples = 1, .size = 4, .per_channel = 4});
    std::printf("no GPU here: %s\n", redoubt_cuda_error(error));
    right &= is(error != 0 && std::strlen(redoubt_cuda_error(error)) > 0, "a step without a GPU is refused in words");
  } else {
    const at::Tensor found = first::attack(x.cuda(), y.cuda()).cpu();
    right &= is(at::allclose(found, expected, 0, 1e-5), "the GPU finds what the host finds");
  }
  return right ? 0 : 1;
}
