#include <redoubt/distributed/rendezvous.hpp>

#include <doctest/doctest.h>

#include <map>
#include <stdexcept>
#include <string>

using redoubt::rendezvous;
using redoubt::rendezvous_from;

namespace {

using variables = std::map<std::string, std::string>;

rendezvous found_in(const variables& set) {
  return rendezvous_from([&](const char* name) -> const char* {
    const auto at = set.find(name);
    return at == set.end() ? nullptr : at->second.c_str();
  });
}

/// What is said of the variables of a good environment with some changed; "-" takes one away.
std::string refusal_of(const variables& changed) {
  variables set{{"RANK", "1"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "host"}, {"MASTER_PORT", "29500"}};
  for (const auto& [name, value] : changed) {
    set[name] = value;
    if (value == "-") {
      set.erase(name);
    }
  }
  try {
    static_cast<void>(found_in(set));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("where nothing is set there is one process") {
  const rendezvous alone = found_in({{"MASTER_ADDR", "host"}, {"LOCAL_RANK", "3"}});
  CHECK(alone.rank == 0);
  CHECK(alone.world == 1);
}

TEST_CASE("a world of one needs no place to meet") {
  CHECK(found_in({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).world == 1);
}

TEST_CASE("an operator for PyTorch jobs sets four variables, and rank 0 keeps the store") {
  const rendezvous where =
      found_in({{"RANK", "2"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "job-master-0"}, {"MASTER_PORT", "23456"}});
  CHECK(where.rank == 2);
  CHECK(where.world == 4);
  CHECK(where.address == "job-master-0");
  CHECK(where.port == 23456);
  CHECK_FALSE(where.agent_store);
  CHECK(where.attempt == 0);
  CHECK(where.local_rank == 0);
}

TEST_CASE("torchrun keeps the store itself and counts its attempts") {
  const rendezvous where = found_in({{"RANK", "3"},
                                     {"WORLD_SIZE", "4"},
                                     {"MASTER_ADDR", "localhost"},
                                     {"MASTER_PORT", "1"},
                                     {"LOCAL_RANK", "1"},
                                     {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                     {"TORCHELASTIC_RESTART_COUNT", "2"}});
  CHECK(where.agent_store);
  CHECK(where.attempt == 2);
  CHECK(where.local_rank == 1);
}

TEST_CASE("what is missing or malformed is named with its value") {
  CHECK(refusal_of({}).empty());
  CHECK(refusal_of({{"RANK", "two"}}) == "RANK=\"two\": must be a whole number from 0 to 2147483647");
  CHECK(refusal_of({{"RANK", "-1"}}) == "RANK=\"-1\": must be a whole number from 0 to 2147483647");
  CHECK(refusal_of({{"RANK", "1.0"}}) == "RANK=\"1.0\": must be a whole number from 0 to 2147483647");
  CHECK(refusal_of({{"RANK", ""}}) == "RANK=\"\": must be a whole number from 0 to 2147483647");
  CHECK(refusal_of({{"RANK", "4"}}) == "RANK=\"4\": must be less than WORLD_SIZE, which is 4");
  CHECK(refusal_of({{"WORLD_SIZE", "0"}}) == "WORLD_SIZE=\"0\": must be a whole number from 1 to 2147483647");
  CHECK(refusal_of({{"WORLD_SIZE", "99999999999"}}) ==
        "WORLD_SIZE=\"99999999999\": must be a whole number from 1 to 2147483647");
  CHECK(refusal_of({{"MASTER_PORT", "65536"}}) == "MASTER_PORT=\"65536\": must be a whole number from 1 to 65535");
  CHECK(refusal_of({{"MASTER_PORT", "0"}}) == "MASTER_PORT=\"0\": must be a whole number from 1 to 65535");
  CHECK(refusal_of({{"TORCHELASTIC_RESTART_COUNT", "x"}}).starts_with("TORCHELASTIC_RESTART_COUNT=\"x\": "));
  for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) {
    CAPTURE(name);
    CHECK(refusal_of({{name, "-"}}).starts_with(std::string{name} + " is not set"));
  }
  CHECK(refusal_of({{"MASTER_ADDR", ""}}).starts_with("MASTER_ADDR is empty"));
}
