#include "inflated_size.hpp"

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

TEST_CASE("inflated_size: counts to the byte, in either format and whatever the parts") {
  const std::string text(100000, 'a');
  for (const std::string& packed : {gzipped(text), zlib_bytes(text)}) {
    CHECK_FALSE(inflates_beyond({packed}, text.size()));
    CHECK(inflates_beyond({packed}, text.size() - 1));
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < packed.size(); ++i) {
      bytes.push_back(std::string_view{packed}.substr(i, 1));
    }
    CHECK_FALSE(inflates_beyond(bytes, text.size()));
    CHECK(inflates_beyond(bytes, text.size() - 1));
  }
}

TEST_CASE("inflated_size: members that follow each other count together") {
  const std::string one = gzipped(std::string(600, 'a'));
  CHECK(inflates_beyond({one + one}, 1000));
  CHECK_FALSE(inflates_beyond({one + one}, 1200));
  CHECK(inflates_beyond({one, one}, 1000));
}

TEST_CASE("inflated_size: damaged data count as far as they go") {
  const std::string packed = gzipped(std::string(1000000, 'a'));
  CHECK(inflates_beyond({packed.substr(0, packed.size() - 20)}, 1000));
  CHECK_FALSE(inflates_beyond({"no gzip at all"}, 0));
  CHECK_FALSE(inflates_beyond({}, 0));
}
