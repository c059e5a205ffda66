#include <redoubt/drift/alarm.hpp>

#include <doctest/doctest.h>

TEST_CASE("alarms are ordered by how much they say") {
  CHECK(redoubt::alarm{} == redoubt::alarm::none);
  CHECK(redoubt::alarm::none < redoubt::alarm::warning);
  CHECK(redoubt::alarm::warning < redoubt::alarm::drift);
}
