#include "prediction_journal.hpp"

#include "files.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "temporary_folder.hpp"

using namespace redoubt::program;
using standing = prediction_journal::standing;

TEST_CASE("prediction_journal: a request waits for its labels once") {
  prediction_journal journal{{}, 10};
  CHECK(journal.standing_of("a") == standing::unknown);
  journal.add("a", {3, 1});
  CHECK(journal.standing_of("a") == standing::waiting);
  CHECK(journal.take("a") == std::vector<std::int64_t>{3, 1});
  CHECK(journal.standing_of("a") == standing::labelled);
  CHECK(journal.knows("a"));
}

TEST_CASE("prediction_journal: the oldest are forgotten first") {
  prediction_journal journal{{}, 3};
  for (const char* id : {"a", "b", "c", "d"}) {
    journal.add(id, {1});
  }
  CHECK_FALSE(journal.knows("a"));
  CHECK(journal.knows("b"));
  CHECK(journal.size() == 3);
}

TEST_CASE("prediction_journal: a restart knows what was flushed, and passes over a line that was cut short") {
  const temporary_folder folder;
  const auto file = folder / "predictions.jsonl";
  const std::string strange = "q\"\n\xc3\xa9";
  {
    prediction_journal journal{file, 10};
    journal.add("a", {3});
    journal.add(strange, {1, 2});
    journal.flush();
    CHECK(journal.take("a") == std::vector<std::int64_t>{3});
    journal.flush();
    journal.add("lost", {5});
  }
  std::ofstream{file, std::ios::app} << "[\"cut\", 1";
  prediction_journal again{file, 10};
  CHECK(again.standing_of("a") == standing::labelled);
  CHECK(again.take(strange) == std::vector<std::int64_t>{1, 2});
  CHECK(again.standing_of("lost") == standing::unknown);
  CHECK(again.standing_of("cut") == standing::unknown);
  again.add("next", {7});
  again.flush();
  CHECK(prediction_journal{file, 10}.standing_of("next") == standing::waiting);
}

TEST_CASE("prediction_journal: the file stays in proportion to what is known") {
  const temporary_folder folder;
  const auto file = folder / "predictions.jsonl";
  prediction_journal journal{file, 100};
  for (int i = 0; i < 20000; ++i) {
    journal.add(std::to_string(i), {1});
    if (i % 10 == 0) {
      journal.flush();
    }
  }
  journal.flush();
  const std::string bytes = read_whole(file);
  CHECK(std::count(bytes.begin(), bytes.end(), '\n') <= 1300);
  CHECK(prediction_journal{file, 100}.knows("19999"));
}

TEST_CASE("prediction_journal: forgets all of another model") {
  const temporary_folder folder;
  const auto file = folder / "predictions.jsonl";
  prediction_journal journal{file, 100};
  journal.add("a", {1});
  journal.flush();
  journal.clear();
  CHECK(journal.size() == 0);
  CHECK(read_whole(file).empty());
}

TEST_CASE("prediction_journal: a file that cannot be written is named") {
  CHECK_THROWS_WITH_AS((prediction_journal{"/nowhere/predictions.jsonl", 1}), doctest::Contains("/nowhere"),
                       std::runtime_error);
}
