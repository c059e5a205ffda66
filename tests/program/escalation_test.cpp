#include "escalation.hpp"

#include <doctest/doctest.h>

using redoubt::program::escalation;

TEST_CASE("escalation: one alarm is reported while its retraining is in flight, and none in the pause after it") {
  escalation gate{{.cool_down = 60, .retraining_timeout = 1000}};
  CHECK(gate.raise(100));
  CHECK(gate.in_flight(101));
  CHECK_FALSE(gate.raise(200));
  gate.finished(300);
  CHECK_FALSE(gate.in_flight(301));
  CHECK_FALSE(gate.raise(359));
  CHECK(gate.raise(360));
  CHECK(gate.reported() == 2);
}

TEST_CASE("escalation: a retraining of which nothing is heard ends by itself") {
  escalation gate{{.cool_down = 60, .retraining_timeout = 1000}};
  REQUIRE(gate.raise(0));
  CHECK(gate.in_flight(999));
  CHECK_FALSE(gate.in_flight(1000));
  CHECK_FALSE(gate.raise(1059));
  CHECK(gate.raise(1060));
}

TEST_CASE("escalation: an end without a beginning changes nothing") {
  escalation gate{{.cool_down = 60}};
  gate.finished(5);
  CHECK(gate.raise(6));
}

TEST_CASE("escalation: goes on from what it kept") {
  escalation first{{.cool_down = 60, .retraining_timeout = 1000}};
  REQUIRE(first.raise(10));
  escalation second{{.cool_down = 60, .retraining_timeout = 1000}};
  second.resume(first.keep());
  CHECK(second.in_flight(20));
  CHECK_FALSE(second.raise(20));
  second.finished(30);
  CHECK_FALSE(second.raise(89));
  CHECK(second.raise(90));
  CHECK(second.reported() == 2);
}
