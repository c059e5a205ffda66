#include <redoubt/distributed/agreement.hpp>

#include "ranks.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using redoubt::any_rank;
using redoubt::broadcast_bytes;
using redoubt::process_group;
using redoubt::require_agreement;

TEST_CASE("bytes of any length and value go from rank 0 to all") {
  std::string all_values;
  for (int value = 0; value < 256; ++value) {
    all_values += static_cast<char>(value);
  }
  for (const std::string& sent : {std::string{}, std::string{"x"}, all_values}) {
    std::vector<std::string> got(3);
    CHECK(ranks::together(3, [&](const process_group& group) {
            got[static_cast<std::size_t>(group.rank())] = broadcast_bytes(group, group.rank() == 0 ? sent : "other");
          }) == ranks::nothing(3));
    CHECK(got == std::vector<std::string>(3, sent));
  }
}

TEST_CASE("one rank's yes is everybody's, and nobody's is nobody's") {
  for (int yes = -1; yes < 3; ++yes) {
    CAPTURE(yes);
    std::vector<int> said(3);
    CHECK(ranks::together(3, [&](const process_group& group) {
            said[static_cast<std::size_t>(group.rank())] = any_rank(group, group.rank() == yes) ? 1 : 0;
          }) == ranks::nothing(3));
    CHECK(said == std::vector<int>(3, yes < 0 ? 0 : 1));
  }
  CHECK(any_rank(process_group{redoubt::rendezvous{}}, true));
  CHECK_FALSE(any_rank(process_group{redoubt::rendezvous{}}, false));
}

TEST_CASE("who has been told something else is named on every rank, and nobody goes on") {
  CHECK(ranks::together(2, [](const process_group& group) { require_agreement(group, "batch", "128"); }) ==
        ranks::nothing(2));
  const std::vector<std::string> errors = ranks::together(
      3, [](const process_group& group) { require_agreement(group, "batch", group.rank() == 1 ? "64" : "128"); });
  CHECK(errors[0] == "rank 1 of 3 has another batch than rank 0, which has 128");
  CHECK(errors[1] == "rank 1 of 3 has another batch than rank 0: 64; rank 0 has 128");
  CHECK(errors[2] == errors[0]);
}
