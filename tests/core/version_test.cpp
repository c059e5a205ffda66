#include <redoubt/core/version.hpp>

#include <doctest/doctest.h>

#include <regex>
#include <string>

TEST_CASE("version: three numbers, as the build reads them") {
  CHECK(std::regex_match(std::string{redoubt::version}, std::regex{"(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)"}));
}
