#include "png.hpp"

#include <zlib.h>

#include <redoubt/core/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace redoubt::program {
namespace {

using namespace std::string_view_literals;

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) {
    bytes += static_cast<char>(value >> shift & 0xFFU);
  }
  return bytes;
}

const Bytef* as_zlib(std::string_view bytes) {
  return reinterpret_cast<const Bytef*>(bytes.data());
}

/// Length, type, content, checksum of type and content (PNG specification, section 5.3).
std::string chunk(std::string_view type, std::string_view content) {
  const std::string body = std::string(type) + std::string(content);
  const auto checksum = static_cast<std::uint32_t>(crc32(0, as_zlib(body), static_cast<uInt>(body.size())));
  return big_endian(static_cast<std::uint32_t>(content.size())) + body + big_endian(checksum);
}

std::string deflated(std::string_view bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string packed(size, '\0');
  const int status = compress2(reinterpret_cast<Bytef*>(packed.data()), &size, as_zlib(bytes),
                               static_cast<uLong>(bytes.size()), Z_BEST_COMPRESSION);
  if (status != Z_OK) {
    fail("zlib could not pack a picture");
  }
  packed.resize(size);
  return packed;
}

/// From one end through a pale middle to the other, straight in sRGB.
std::string diverging_palette() {
  using colour = std::array<int, 3>;
  constexpr colour low{33, 102, 172};
  constexpr colour middle{247, 247, 245};
  constexpr colour high{204, 85, 0};
  std::string palette;
  for (int value = 0; value < 256; ++value) {
    const colour& end = value < 128 ? low : high;
    const int away = value < 128 ? 128 - value : value - 128;  // of 128 or 127
    const int reach = value < 128 ? 128 : 127;
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const int tone = middle[channel] + (end[channel] - middle[channel]) * away / reach;
      palette += static_cast<char>(tone);
    }
  }
  return palette;
}

std::string base64(std::string_view bytes) {
  constexpr auto digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"sv;
  std::string encoded;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const bool there = at + i < bytes.size();
      group = group << 8U | (there ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const bool there = i == 0 || at + i - 1 < bytes.size();
      encoded += there ? digits[group >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return encoded;
}

}  // namespace

std::string png(const picture& image, colouring look) {
  const auto height = static_cast<std::size_t>(std::max(image.height, 0));
  const auto width = static_cast<std::size_t>(std::max(image.width, 0));
  const auto channels = static_cast<std::size_t>(image.channels);
  const bool coloured = image.channels == 3;
  require(coloured || image.channels == 1, "png: a picture has one channel or three, got ", image.channels);
  require(height * width > 0 && image.values.size() == height * width * channels, "png: ", image.values.size(),
          " values for a picture of ", image.height, " x ", image.width, coloured ? " x 3" : "");
  std::string rows;
  for (std::size_t row = 0; row < height; ++row) {
    rows += '\0';  // the row's filter: none
    rows.append(reinterpret_cast<const char*>(image.values.data()) + row * width * channels, width * channels);
  }
  const bool palette = look == colouring::diverging && !coloured;
  const std::string size =
      big_endian(static_cast<std::uint32_t>(image.width)).insert(4, big_endian(static_cast<std::uint32_t>(height)));
  const char kind = coloured ? '\x02' : palette ? '\x03' : '\0';
  const std::string format{'\x08', kind, '\0', '\0', '\0'};
  return std::string("\x89PNG\r\n\x1a\n"sv) + chunk("IHDR", size + format) +
         (palette ? chunk("PLTE", diverging_palette()) : "") + chunk("IDAT", deflated(rows)) + chunk("IEND", "");
}

std::string png_address(const picture& image, colouring look) {
  return "data:image/png;base64," + base64(png(image, look));
}

}  // namespace redoubt::program
