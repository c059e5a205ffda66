#include <redoubt/core/error.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <stdexcept>
#include <string>

namespace {

struct counts_writing {
  int* times;
};

std::ostream& operator<<(std::ostream& out, const counts_writing& piece) {
  ++*piece.times;
  return out << "written";
}

// Compiles without a return only because fail() is known not to return.
int never_returns() {
  redoubt::fail("always");
}

}  // namespace

TEST_CASE("require: a condition that holds does nothing, and writes no piece") {
  int times = 0;
  CHECK_NOTHROW(redoubt::require(true, "text ", counts_writing{&times}));
  CHECK(times == 0);
}

TEST_CASE("require: a condition that fails throws its pieces, in order, as one std::invalid_argument") {
  int times = 0;
  CHECK_THROWS_WITH_AS(
      redoubt::require(false, "steps must be at least ", 1, ", got ", -0.5, ' ', counts_writing{&times}),
      "steps must be at least 1, got -0.5 written", std::invalid_argument);
  CHECK(times == 1);
}

TEST_CASE("fail: always throws its pieces as one std::runtime_error") {
  CHECK_THROWS_WITH_AS(redoubt::fail("cannot read ", std::string{"a.pt"}, ": ", 3, " bytes"),
                       "cannot read a.pt: 3 bytes", std::runtime_error);
  CHECK_THROWS_AS(never_returns(), std::runtime_error);
}
