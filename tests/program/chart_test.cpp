#include "chart.hpp"

#include "sample_report.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <string>
#include <vector>

using namespace redoubt::program;

namespace {

struct words {
  double begin;
  double end;
  double y;
};

/// Where the words above a chart stand, at a width of 6.2 units a letter.
std::vector<words> told(const std::string& svg) {
  static const std::regex pattern("<text class=\"told( end)?[^\"]*\" x=\"([-0-9.]+)\" y=\"([-0-9.]+)\">([^<]*)<");
  std::vector<words> found;
  for (std::sregex_iterator one(svg.begin(), svg.end(), pattern), end; one != end; ++one) {
    const double x = std::stod((*one)[2]);
    const double length = 6.2 * static_cast<double>((*one)[4].length());
    const bool left = (*one)[1].matched;
    found.push_back({left ? x - length : x, left ? x : x + length, std::stod((*one)[3])});
  }
  return found;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

void check_apart(const std::string& svg, int width, std::size_t labels) {
  const std::vector<words> all = told(svg);
  REQUIRE(all.size() == labels);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i].begin >= -0.5);
    CHECK(all[i].end <= width + 0.5);
    for (std::size_t j = 0; j < i; ++j) {
      const bool same_row = std::abs(all[i].y - all[j].y) < 12;
      CHECK_FALSE((same_row && all[i].begin < all[j].end && all[j].begin < all[i].end));
    }
  }
}

}  // namespace

TEST_CASE("attack, both alarms, training and deployment are marked") {
  const std::string svg = accuracy_chart(sample_report(), 980);
  CHECK(svg.starts_with("<svg role=\"img\""));
  CHECK(svg.ends_with("</svg>"));
  CHECK(svg.find("attack begins, 600") != std::string::npos);
  CHECK(svg.find("seen without labels, +3") != std::string::npos);
  CHECK(svg.find("alarm, +18") != std::string::npos);
  CHECK(svg.find("deployed, 824") != std::string::npos);
  CHECK(svg.find("old attack replayed, 1,050") != std::string::npos);
  CHECK(count(svg, "class=\"band\"") == 1);
  CHECK(count(svg, "class=\"fired\"") == 2);
}

TEST_CASE("labels never overlap and stay on the picture, wherever the events fall") {
  loop_report report = sample_report();
  report.requests = 12000;
  for (const int width : {360, 980}) {
    for (int attack = 0; attack < 11900; attack += 300) {
      for (const int training : {30, 500, 3000}) {
        report.detection.attack_began_at = attack;
        report.detection.flagged_without_labels_at = attack + 3;
        report.detection.flagged_at = attack + 18;
        report.deployed_at = std::min(attack + 20 + training, 11999);
        report.replay_began_at = std::min(attack + 1000 + training, 11999);
        check_apart(accuracy_chart(report, width), width, 5);
      }
    }
  }
}

TEST_CASE("the line has a piece for each phase") {
  const std::string svg = accuracy_chart(sample_report(), 980);
  CHECK(count(svg, "<path class=\"line before\"") == 1);
  CHECK(count(svg, "<path class=\"line attack\"") == 1);
  CHECK(count(svg, "<path class=\"line recovery\"") == 2);
}

TEST_CASE("a long series is drawn with at most four points a column of pixels") {
  loop_report report = sample_report();
  report.series.clear();
  report.requests = 1'000'000;
  for (int request = 0; request < 1'000'000; request += 10) {
    report.series.push_back({request, request / 10 % 2 == 0 ? .9 : .8, 1});
  }
  CHECK(accuracy_chart(report, 360).size() < 4 * 360 * 14 + 10'000);
}

TEST_CASE("the usual accuracy of a phase leaves out windows that reach back into the one before") {
  loop_report report = sample_report();
  for (series_point& point : report.series) {
    const bool mixed = (point.request >= 600 && point.request < 649) || (point.request >= 824 && point.request < 873);
    point.accuracy = mixed ? .5 : point.accuracy;
  }
  const auto usual = usual_accuracies(report);
  CHECK(usual[0] == .9);
  CHECK(usual[1] == .07);
  CHECK(usual[2] == .79);
  CHECK(usual[3] == .84);
  CHECK_FALSE(usual_accuracies({})[0].has_value());
}

TEST_CASE("a chart of nothing is an empty frame") {
  for (const int width : {360, 980}) {
    CHECK(accuracy_chart({}, width).find("nan") == std::string::npos);
    CHECK(training_chart({}, width).find("nan") == std::string::npos);
  }
}

TEST_CASE("the ends of the training curves stay apart") {
  loop_report report = sample_report();
  report.training = {{.epoch = 1, .clean = .80, .robust = .80}};
  check_apart(training_chart(report, 360), 360, 2);
  report.training = {{.epoch = 1, .clean = .80, .robust = .801}};
  check_apart(training_chart(report, 360), 360, 2);
}
