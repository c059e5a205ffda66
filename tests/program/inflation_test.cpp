#include "inflation.hpp"

#include <zlib.h>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "gzip_bytes.hpp"

using namespace redoubt::program;

namespace {

std::string zlib_bytes(const std::string& text) {
  uLongf size = compressBound(text.size());
  std::string bytes(size, '\0');
  compress(reinterpret_cast<Bytef*>(bytes.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size());
  bytes.resize(size);
  return bytes;
}

}  // namespace

TEST_CASE("inflation: counts to the byte, in either format and whatever the parts") {
  const std::string text(100000, 'a');
  for (const std::string& packed : {gzipped(text), zlib_bytes(text)}) {
    CHECK(try_inflation({packed}, text.size()) == inflation::fits);
    CHECK(try_inflation({packed}, text.size() - 1) == inflation::too_large);
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < packed.size(); ++i) {
      bytes.push_back(std::string_view{packed}.substr(i, 1));
    }
    CHECK(try_inflation(bytes, text.size()) == inflation::fits);
    CHECK(try_inflation(bytes, text.size() - 1) == inflation::too_large);
  }
}

TEST_CASE("inflation: members that follow each other count together") {
  const std::string one = gzipped(std::string(600, 'a'));
  CHECK(try_inflation({one + one}, 1000) == inflation::too_large);
  CHECK(try_inflation({one + one}, 1200) == inflation::fits);
  CHECK(try_inflation({one, one}, 1000) == inflation::too_large);
}

TEST_CASE("inflation: what is not whole, or followed by something else, is damaged, but never mind how large") {
  const std::string packed = gzipped(std::string(1000000, 'a'));
  const std::string_view cut = std::string_view{packed}.substr(0, packed.size() - 1);
  CHECK(try_inflation({cut}, 2000000) == inflation::damaged);
  CHECK(try_inflation({cut}, 1000) == inflation::too_large);
  CHECK(try_inflation({packed + "more"}, 2000000) == inflation::damaged);
  CHECK(try_inflation({"no gzip at all"}, 100) == inflation::damaged);
  CHECK(try_inflation({}, 100) == inflation::damaged);
}
