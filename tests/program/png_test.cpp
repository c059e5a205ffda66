#include "png.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using namespace redoubt::program;

namespace {

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    value = value << 8U | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

/// The chunks of a PNG file, each with its checksum checked.
std::map<std::string, std::string> chunks_of(const std::string& file) {
  REQUIRE(file.substr(0, 8) == "\x89PNG\r\n\x1a\n");
  std::map<std::string, std::string> chunks;
  std::size_t at = 8;
  while (at < file.size()) {
    const std::size_t length = big_endian(file, at);
    const std::string body = file.substr(at + 4, 4 + length);
    const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    CHECK(big_endian(file, at + 8 + length) == checksum);
    chunks[body.substr(0, 4)] = body.substr(4);
    at += 12 + length;
  }
  CHECK(at == file.size());
  return chunks;
}

std::string inflated(const std::string& packed, std::size_t size) {
  std::string bytes(size, '\0');
  uLongf length = size;
  const int status = uncompress(reinterpret_cast<Bytef*>(bytes.data()), &length,
                                reinterpret_cast<const Bytef*>(packed.data()), packed.size());
  CHECK(status == Z_OK);
  CHECK(length == size);
  return bytes;
}

const picture sample{.height = 2, .width = 3, .values = {0, 1, 2, 128, 254, 255}};
const std::string sample_rows("\0\x00\x01\x02\0\x80\xfe\xff", 8);

}  // namespace

TEST_CASE("a grey picture holds its size and its rows, none of them filtered") {
  auto chunks = chunks_of(png(sample, colouring::grey));
  CHECK(chunks["IHDR"] == std::string("\0\0\0\x03\0\0\0\x02\x08\0\0\0\0", 13));
  CHECK(inflated(chunks["IDAT"], sample_rows.size()) == sample_rows);
  CHECK(chunks.count("PLTE") == 0);
  CHECK(chunks.count("IEND") == 1);
}

TEST_CASE("a diverging picture is pale where nothing changed and turns to two colours") {
  auto chunks = chunks_of(png(sample, colouring::diverging));
  CHECK(chunks["IHDR"][9] == 3);
  CHECK(inflated(chunks["IDAT"], sample_rows.size()) == sample_rows);
  const std::string& palette = chunks["PLTE"];
  REQUIRE(palette.size() == 768);
  const auto channel = [&](std::size_t value, std::size_t which) {
    return static_cast<int>(static_cast<unsigned char>(palette[3 * value + which]));
  };
  CHECK(channel(128, 0) > 240);
  CHECK(channel(128, 2) > 240);
  CHECK(channel(0, 2) > channel(0, 0) + 100);      // blue
  CHECK(channel(255, 0) > channel(255, 2) + 100);  // orange
}

TEST_CASE("a picture of three channels keeps its colours, whatever the colouring") {
  const picture coloured{.height = 2, .width = 1, .values = {1, 2, 3, 4, 5, 6}, .channels = 3};
  for (const colouring look : {colouring::grey, colouring::diverging}) {
    auto chunks = chunks_of(png(coloured, look));
    CHECK(chunks["IHDR"][9] == 2);
    CHECK(chunks.count("PLTE") == 0);
    CHECK(inflated(chunks["IDAT"], 8) == std::string("\0\x01\x02\x03\0\x04\x05\x06", 8));
  }
}

TEST_CASE("a data address is the file in base 64") {
  const std::string address = png_address(sample, colouring::grey);
  const std::string start = "data:image/png;base64,";
  REQUIRE(address.starts_with(start + "iVBORw0KGgo"));
  CHECK((address.size() - start.size()) % 4 == 0);
  CHECK((address.size() - start.size()) / 4 == (png(sample, colouring::grey).size() + 2) / 3);
}

TEST_CASE("a picture whose size and values disagree is refused") {
  CHECK_THROWS_WITH_AS(static_cast<void>(png({.height = 2, .width = 2, .values = {1}}, colouring::grey)),
                       "png: 1 values for a picture of 2 x 2", std::invalid_argument);
  CHECK_THROWS_WITH_AS(
      static_cast<void>(png({.height = 1, .width = 1, .values = {1, 2}, .channels = 2}, colouring::grey)),
      "png: a picture has one channel or three, got 2", std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(png({}, colouring::grey)), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(png({.height = -1, .width = -1, .values = {1}}, colouring::grey)),
                  std::invalid_argument);
}
