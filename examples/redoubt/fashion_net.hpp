#pragma once

#include <cstdint>
#include <redoubt/model/script.hpp>

namespace redoubt::program {

/// A small convolutional network for 28 x 28 grey images in [0, 1], ten classes, as a TorchScript module built in C++.
///
/// Input normalisation is its first layer; then two strided convolutions (4 x 4, 16 and 32 channels times `width`), a
/// hidden layer (100 times `width`) and the logits: 166,406 parameters at width 1. It offers `features`, its hidden
/// layer. Initial weights are LibTorch's defaults (uniform in +-1/sqrt(fan in)), drawn from `seed` alone. Saves as a
/// file that Python loads with torch.jit.load.
script_model make_fashion_net(std::uint64_t seed, int width = 1);

}  // namespace redoubt::program
