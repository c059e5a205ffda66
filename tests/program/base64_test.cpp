#include "base64.hpp"

#include <doctest/doctest.h>

using redoubt::program::from_base64;

TEST_CASE("base64: the examples of RFC 4648, with and without padding") {
  CHECK(from_base64("") == "");
  CHECK(from_base64("Zg==") == "f");
  CHECK(from_base64("Zm8=") == "fo");
  CHECK(from_base64("Zm9v") == "foo");
  CHECK(from_base64("Zm9vYg") == "foob");
  CHECK(from_base64("Zm9vYmFy") == "foobar");
  CHECK(from_base64("+/8=") == "\xfb\xff");
}

TEST_CASE("base64: other letters and lengths are refused") {
  CHECK_FALSE(from_base64("Z"));
  CHECK_FALSE(from_base64("Zm9v!"));
  CHECK_FALSE(from_base64("Zm 9v"));
}
