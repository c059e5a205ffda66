// An attack as CUDA graphs, as a consumer writes it.
#include <redoubt/cuda/graphed.hpp>
#include <redoubt/norm/linf.hpp>

#include <ATen/ATen.h>

at::Tensor attack_as_graphs(const at::Tensor& weights, const at::Tensor& x, const at::Tensor& y);

at::Tensor attack_as_graphs(const at::Tensor& weights, const at::Tensor& x, const at::Tensor& y) {
  const auto model = [&](const at::Tensor& input) { return input.matmul(weights); };

  auto fast = redoubt::graphed(redoubt::pgd{redoubt::linf{.radius = 8. / 255}, {.step = 2. / 255, .steps = 40}}, model);
  const at::Tensor adversarial = fast(x, y);

  return adversarial;
}
