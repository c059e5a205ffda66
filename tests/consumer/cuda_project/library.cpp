// A library that attacks a linear classifier on a device of the caller's choice.
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>

#include <ATen/ATen.h>

#include "library.hpp"

namespace NAME {

at::Tensor attack(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor weights = at::linspace(-1, 1, x.size(1) * 3).reshape({x.size(1), 3}).to(x.device());
  const auto model = [&](const at::Tensor& input) { return input.matmul(weights); };
  const redoubt::pgd_options options{.step = 0.02, .steps = 10};
  return at::stack({redoubt::pgd{redoubt::linf{.radius = 0.1}, options}(model, x, y),
                    redoubt::pgd{redoubt::l2{.radius = 0.5}, options}(model, x, y),
                    redoubt::pgd{redoubt::l1{.radius = 2}, options}(model, x, y)});
}

const void* step() {
  return reinterpret_cast<const void*>(&redoubt_cuda_step_linf);
}

}  // namespace NAME
