#include "spelling.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using redoubt::program::nearest;

TEST_CASE("a slip of the finger finds the word that was meant") {
  const std::vector<std::string> words{"loop", "train", "evaluate", "attack", "detect", "gate"};
  CHECK(nearest("evalute", words) == "evaluate");    // a letter left out
  CHECK(nearest("evaluatte", words) == "evaluate");  // one twice
  CHECK(nearest("tarin", words) == "train");         // two swapped
  CHECK(nearest("gste", words) == "gate");           // a neighbour's key
  CHECK(nearest("loop", words) == "loop");
}

TEST_CASE("a word that is far from all finds none") {
  CHECK(nearest("serve", {"loop", "train"}).empty());
  CHECK(nearest("", {"loop"}).empty());
  CHECK(nearest("loop", {}).empty());
}

TEST_CASE("of words equally near the first is taken") {
  CHECK(nearest("bat", {"cat", "hat"}) == "cat");
}
