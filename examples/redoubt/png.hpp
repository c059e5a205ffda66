#pragma once

#include "picture.hpp"

#include <string>

namespace redoubt::program {

/// How a grey picture's 256 values look; one of three channels has its own colours.
enum class colouring {
  grey,       ///< 0 black, 255 white
  diverging,  ///< 128 pale; below it towards blue, above it towards orange
};

/// `image` as the bytes of a PNG file. Throws std::invalid_argument where its size and its values disagree, or
/// for other than one or three channels.
[[nodiscard]] std::string png(const picture& image, colouring look);

/// The same as a "data:" address, for an <img> that needs no file.
[[nodiscard]] std::string png_address(const picture& image, colouring look);

}  // namespace redoubt::program
