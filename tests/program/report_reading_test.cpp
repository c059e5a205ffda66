#include "report_reading.hpp"

#include "report_page.hpp"
#include "sample_report.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

using nlohmann::json;
using namespace redoubt::program;

TEST_CASE("report_reading: what was written reads back to the same report, but for the pictures") {
  const json written = report_json(sample_report());
  CHECK(report_json(read_report(written)) == written);
  loop_report without_pictures = sample_report();
  without_pictures.images.clear();
  without_pictures.class_names.clear();
  std::sort(without_pictures.seconds.begin(), without_pictures.seconds.end());
  std::sort(without_pictures.versions.begin(), without_pictures.versions.end());
  CHECK(report_table(read_report(written)) == report_table(without_pictures));
}

TEST_CASE("report_reading: a run in which nothing happened reads back, too") {
  const json written = report_json({});
  CHECK(report_json(read_report(written)) == written);
}

TEST_CASE("report_reading: a member that is missing or of another type is named") {
  json written = report_json(sample_report());
  written.erase("eps");
  CHECK_THROWS_WITH_AS(static_cast<void>(read_report(written)), doctest::Contains("eps"), std::invalid_argument);
  written["eps"] = "x";
  CHECK_THROWS_AS(static_cast<void>(read_report(written)), std::invalid_argument);
  written["eps"] = 0.1;
  written["detectors"][0]["kind"] = "guess";
  CHECK_THROWS_WITH_AS(static_cast<void>(read_report(written)), doctest::Contains("guess"), std::invalid_argument);
}
