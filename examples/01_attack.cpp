// Attacks a TorchScript model on saved images and says how much of its accuracy is left:
//     01_attack model.pt images.pt labels.pt

#include <torch/csrc/jit/serialization/pickle.h>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/model/script.hpp>
#include <redoubt/norm/linf.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>

namespace {

at::Tensor saved_tensor(const char* path) {
  std::ifstream file{path, std::ios::binary};
  const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
  return torch::jit::pickle_load(bytes).toTensor();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: 01_attack model.pt images.pt labels.pt\n");
    return 2;
  }
  const at::Tensor x = saved_tensor(argv[2]);
  const at::Tensor y = saved_tensor(argv[3]);

  // [example: attack]
  auto model = redoubt::script_model::load(argv[1]);  // or any callable: at::Tensor -> logits [N, C]

  // Perturbations of at most 8/255 a pixel; x [N, C, H, W] floats in [0, 1], y int64 [N].
  const redoubt::pgd attack{redoubt::linf{.radius = 8. / 255}, {.step = 1. / 255, .steps = 40}};
  const at::Tensor adversarial = attack(model, x, y);

  const auto report = redoubt::robust_accuracy(attack, model, x, y);
  std::printf("accuracy %.3f, under attack %.3f [%.3f, %.3f]\n", report.clean_accuracy, report.robust_accuracy,
              report.robust_interval.lower, report.robust_interval.upper);
  // [/example]
  std::printf("largest change %.4f\n", (adversarial.sub(x)).abs().max().item<double>());
  for (const std::string& warning : report.warnings) {
    std::printf("warning: %s\n", warning.c_str());
  }
  return 0;
}
