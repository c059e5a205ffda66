#pragma once

#include "data.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <redoubt/model/script.hpp>

#include "../script_models.hpp"

/// Two classes told apart by brightness, [N, 1, 4, 4]: class 1 is brighter than .5. A step of .1 against the gradient
/// turns most samples of `bright_and_dark`. Offers its features, as most networks do.
inline void write_brightness_net(const std::filesystem::path& file, double middle = 0.5) {
  torch::jit::Module net = redoubt::testing::script_module("net");
  net.define("def forward(self, x):\n    m = (torch.mean(torch.flatten(x, 1), [1]) - " + std::to_string(middle) +
             ") * 40.0\n    return torch.stack([-m, m], 1)\n");
  net.define("def features(self, x):\n    return torch.flatten(x, 1).mean([1], True)\n");
  redoubt::script_model{net}.save(file.string());
}

/// Samples of both classes in turn, .08 from the middle on average; one in twenty has the other label.
inline redoubt::program::samples bright_and_dark(std::int64_t count, std::uint64_t seed) {
  const at::Tensor row = at::arange(count, at::kLong);
  const at::Tensor bright = row.remainder(2);
  const at::Tensor noise = redoubt::testing::uniform({count, 1, 4, 4}, seed, -0.1, 0.1);
  const at::Tensor middle = bright.to(at::kFloat).mul(0.16).add(0.42).view({count, 1, 1, 1});
  return {middle.add(noise), at::where(row.remainder(20).eq(7), bright.mul(-1).add(1), bright)};
}

/// The samples as an attacker who knows the net sends them: .1 towards the other class.
inline redoubt::program::samples attacked(const redoubt::program::samples& clean) {
  const at::Tensor bright = clean.images.flatten(1).mean(1).gt(0.5).to(at::kFloat).view({-1, 1, 1, 1});
  return {clean.images.sub(bright.mul(0.2).sub(0.1)), clean.labels};
}
