#include "gzip.hpp"

#include "gzip_bytes.hpp"
#include "temporary_folder.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace redoubt::program;

namespace {

std::string sample(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(i * 2654435761U >> 13U);
  }
  return bytes;
}

std::string damage(const std::string& packed) {
  return message_of<std::runtime_error>([&] { static_cast<void>(gunzip(packed, 1'000'000)); });
}

}  // namespace

TEST_CASE("gunzip undoes gzip") {
  for (const std::size_t size : {0UL, 1UL, 65'535UL, 65'536UL, 300'000UL}) {
    CHECK(gunzip(gzipped(sample(size)), 1'000'000) == sample(size));
  }
}

TEST_CASE("members that follow one another are one content, and padding after them is none") {
  CHECK(gunzip(gzipped("one ") + gzipped("two") + std::string(9, '\0'), 100) == "one two");
}

TEST_CASE("no more is unpacked than asked for") {
  const std::string bomb = gzipped(std::string(5'000'000, 'x'));
  CHECK(bomb.size() < 100'000);
  CHECK(gunzip(bomb, 10) == std::string(10, 'x'));
  CHECK(gunzip(bomb, 0).empty());
}

TEST_CASE("a stream cut anywhere is truncated") {
  const std::string packed = gzipped(sample(1000));
  for (std::size_t size = 2; size < packed.size(); ++size) {
    CHECK_MESSAGE(damage(packed.substr(0, size)) == "the gzip stream is truncated", "cut to ", size);
  }
}

TEST_CASE("a wrong checksum, a wrong length and a wrong bit are damage") {
  const std::string packed = gzipped(sample(1000));
  for (const std::size_t from_end : {1UL, 5UL, 100UL}) {
    std::string broken = packed;
    broken[packed.size() - from_end] = static_cast<char>(broken[packed.size() - from_end] ^ 0x55);
    CHECK(damage(broken).starts_with("the gzip stream is damaged ("));
  }
}

TEST_CASE("only a gzip stream looks like one") {
  CHECK(is_gzip(gzipped("")));
  CHECK_FALSE(is_gzip("\x1f"));
  CHECK_FALSE(is_gzip(""));
  CHECK_FALSE(is_gzip("PK\x03\x04"));
}
