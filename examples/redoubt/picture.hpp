#pragma once

#include <cstdint>
#include <vector>

namespace redoubt::program {

/// An 8-bit picture, row-major: grey, or with three channels red, green and blue side by side.
struct picture {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> values = {};
  int channels = 1;
};

}  // namespace redoubt::program
