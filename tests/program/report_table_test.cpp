#include "report_page.hpp"

#include "sample_report.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>

using namespace redoubt::program;

namespace {

void check_shape(const std::string& table) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() <= 80);
    CHECK_FALSE(line.ends_with(' '));
    CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
}

}  // namespace

TEST_CASE("the table of a run that recovered") {
  CHECK(report_table(sample_report()) ==
        "accuracy, test set          standard    hardened\n"
        "------------------------------------------------\n"
        "clean                          0.903       0.858\n"
        "FGSM                           0.071       0.789\n"
        "PGD-40                         0.001       0.762\n"
        "------------------------------------------------\n"
        "attack began            request 600\n"
        "flagged                 request 618, +18 (labels of attacked requests: 8)\n"
        "flagged, no labels      request 603, +3\n"
        "false alarms before     0\n"
        "clean, replayed         1,000,000 requests: false alarms 1, without labels 40\n"
        "gate                    promoted\n"
        "                        - robust accuracy rose from 0.002 to 0.771, and the\n"
        "                        intervals do not meet\n"
        "hardened model serves   request 824, +224\n"
        "recovered               white-box 0.786, replayed 0.841\n"
        "requests                1,200, dropped 0\n"
        "seconds                 170.1 (standard training 38.2, adversarial training\n"
        "                        131.9)\n");
}

TEST_CASE("no line is wider than 80 columns, whatever happened") {
  check_shape(report_table(sample_report()));
  check_shape(report_table({}));
}

TEST_CASE("what did not happen is a dash") {
  const std::string table = report_table({});
  CHECK(table.find("clean                              -           -\n") != std::string::npos);
  CHECK(table.find("gate                    -\n") != std::string::npos);
  CHECK(table.find("hardened model serves   -\n") != std::string::npos);
}
