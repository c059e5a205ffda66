#include <redoubt/model/detail/archive.hpp>

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

using redoubt::detail::archive_damage;

namespace {

/// A TorchScript file: its tensors are stored, its code is compressed.
std::string golden_model() {
  std::ifstream file{REDOUBT_TEST_DATA "/golden/std.pt", std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

TEST_CASE("crc32 has the check value of ISO 3309") {
  CHECK(redoubt::detail::crc32("123456789") == 0xCBF43926);
  CHECK(redoubt::detail::crc32("") == 0);
}

TEST_CASE("a whole archive has no damage") {
  CHECK_FALSE(archive_damage(golden_model()).has_value());
}

TEST_CASE("a flipped byte in a stored tensor is found, and the part is named") {
  const std::string whole = golden_model();
  for (const std::size_t at : {std::size_t{200}, std::size_t{20000}, std::size_t{300000}, std::size_t{661000}}) {
    CAPTURE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    const auto found = archive_damage(damaged);
    REQUIRE(found.has_value());
    CHECK(found->find("data/") != std::string::npos);
  }
}

TEST_CASE("an archive cut anywhere is damaged") {
  const std::string whole = golden_model();
  for (const std::size_t kept : {std::size_t{0}, std::size_t{10}, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(kept);
    CHECK(archive_damage(whole.substr(0, kept)).has_value());
  }
}

TEST_CASE("any byte may be anything: what is found is a sentence, never a crash") {
  const std::string whole = golden_model();
  for (std::size_t i = 0; i < 4000; i += 7) {
    std::string damaged = whole;
    damaged[whole.size() - 1 - i] = static_cast<char>(i * 37);
    const auto found = archive_damage(damaged);
    CHECK((!found || !found->empty()));
  }
}
