#include "report_page.hpp"

#include "sample_report.hpp"
#include "well_formed.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace redoubt::program;

namespace {

bool contains(const std::string& page, const std::string& part) {
  return page.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a run that recovered is told in numbers") {
  const std::string page = report_page(sample_report());
  CHECK(contains(page, "<h1>Accuracy fell to 7.1% under attack and came back to 78.6% by itself</h1>"));
  CHECK(contains(page, "The alarm fired 18 requests later, when 8 labels of attacked requests had arrived"));
  CHECK(contains(page, "the attack was seen after 3 requests"));
  CHECK(contains(page, "served from request 824"));
  CHECK(contains(page, "No request was dropped."));
  CHECK(contains(page, "+76.1"));
  CHECK(contains(page, "−4.5"));
  CHECK(contains(page, "Of these 2 pictures, 1 fool"));
  CHECK(contains(page, "Over 1,000,000 clean requests"));
  CHECK(contains(page, "fired 1 time (guaranteed: at most one in 1,000,000 requests on average)"));
  CHECK(contains(page, "redoubt loop --seed 7"));
}

TEST_CASE("the page is well formed, whatever happened") {
  check_well_formed(report_page(sample_report()));
  check_well_formed(report_page({}));
  loop_report refused = sample_report();
  refused.deployed_at.reset();
  refused.gate->promote = false;
  check_well_formed(report_page(refused));
}

TEST_CASE("the page runs nothing and fetches nothing") {
  const std::string page = report_page(sample_report());
  CHECK(contains(page, "default-src 'none'"));
  for (const char* forbidden : {"<script", "<link", "http://", "https://", "@import", "src=\"/", "url("}) {
    CHECK_FALSE(contains(page, forbidden));
  }
}

TEST_CASE("names from outside cannot become markup") {
  loop_report report = sample_report();
  const std::string hostile = "<script>alert('\"&')</script>";
  report.class_names = {hostile, hostile};
  report.data_set = hostile;
  report.pgd_name = hostile;
  report.command = hostile;
  report.versions = {{hostile, hostile}};
  report.seconds = {{hostile, 1}};
  report.gate->reasons = {hostile};
  for (detector_figures& detector : report.detection.detectors) {
    detector.name = hostile;
    detector.note = hostile;
  }
  const std::string page = report_page(report);
  CHECK_FALSE(contains(page, "<script"));
  check_well_formed(page);
}

TEST_CASE("what did not happen is a dash or another sentence, never a made-up number") {
  const std::string page = report_page({});
  CHECK(contains(page, "No attack began"));
  CHECK(contains(page, "–"));
  CHECK_FALSE(contains(page, "nan"));
  loop_report report = sample_report();
  report.deployed_at.reset();
  report.gate->promote = false;
  CHECK(contains(report_page(report), "under attack; the gate refused the retrained model</h1>"));
  report.gate.reset();
  report.detection.flagged_at.reset();
  CHECK(contains(report_page(report), "and went unnoticed</h1>"));
  CHECK(contains(report_page(report), "The alarm that acts did not fire."));
}

TEST_CASE("a prediction outside the class names and a missing picture are shown as such") {
  loop_report report = sample_report();
  report.images[0].attacked_prediction = 42;
  report.images[0].perturbation = {};
  const std::string page = report_page(report);
  CHECK(contains(page, "class 42"));
  CHECK(contains(page, "perturbation –"));
}

TEST_CASE("AutoAttack has a row once it was measured") {
  loop_report report = sample_report();
  CHECK_FALSE(contains(report_page(report), "AutoAttack"));
  report.hardened.auto_attack = .7;
  CHECK(contains(report_page(report), "AutoAttack"));
}
