#include "evaluation_report.hpp"

#include "well_formed.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace redoubt::program;

namespace {

bool contains(const std::string& page, const std::string& part) {
  return page.find(part) != std::string::npos;
}

attacked_image card(std::int64_t label, std::int64_t prediction) {
  const picture image{.height = 2, .width = 2, .values = {0, 128, 200, 255}};
  return {.row = 1234,
          .clean = image,
          .perturbation = image,
          .adversarial = image,
          .label = label,
          .prediction = prediction,
          .clean_confidence = 0.99,
          .confidence = 0.75,
          .label_confidence = 0.2,
          .length = 0.031,
          .attack = prediction == label ? "" : "apgd-t"};
}

evaluation_report sample() {
  evaluation_report report{.model = "models/net.pt", .images = "data/images/", .labels = "data/labels.pt"};
  report.attack = "apgd-ce,apgd-t";
  report.norm = "linf";
  report.eps = 8. / 255;
  report.n = 1000;
  report.clean = {.91, .89, .926};
  report.robust = {.31, .281, .339};
  report.attacks = {{"apgd-ce", 910, 500, .41, 12.5}, {"apgd-t", 410, 100, .31, 40}};
  report.classes = {{0, 400, 380, 200}, {1, 600, 530, 110}, {2, 0, 0, 0}};
  report.warnings = {"gradients are masked"};
  report.curve =
      security_curve{.attack = "PGD-20",
                     .samples = 500,
                     .points = {{0, {.91, .88, .93}}, {8. / 255, {.33, .29, .37}}, {16. / 255, {.05, .03, .07}}}};
  report.fooled = {card(0, 1)};
  report.withstood = {card(1, 1)};
  report.seconds = 61;
  report.options = {{"steps", "100"}};
  report.versions = {{"redoubt", "0.1.0"}};
  report.seed = 7;
  report.command = "redoubt evaluate --seed 7";
  return report;
}

}  // namespace

TEST_CASE("the page tells accuracy, attacks, classes, curve and images in numbers") {
  const std::string page = evaluation_page(sample());
  CHECK(contains(page, "<title>Robust accuracy 31.0% under apgd-ce, apgd-t, linf ≤ 8/255</title>"));
  CHECK(contains(page, ">apgd-ce</span>, <span"));
  CHECK(contains(page, "The model net.pt is right on 91.0% of 1,000 images"));
  CHECK(contains(page, "28.1 to 33.9%"));
  CHECK(contains(page, "<dd>600</dd>"));
  CHECK(contains(page, "<td>910</td><td>500</td>"));
  CHECK(contains(page, "From 18.3% in class 1 to 50.0% in class 0, under attack."));
  CHECK_FALSE(contains(page, "<th scope=\"row\">2</th>"));  // no sample, no row
  CHECK(contains(page, "falls to 5.0%"));
  CHECK(contains(page, "accuracy under PGD-20, a cheaper attack, on 500 images"));
  CHECK(contains(page, "image 1,234"));
  CHECK(contains(page, "✗ class 1</span> 75%, class 0 20%"));
  CHECK(contains(page, "✓ class 1</span> 75%"));
  CHECK(contains(page, "apgd-t, linf 0.031"));
  CHECK(contains(page, "a change of 8/255"));
  CHECK(contains(page, "<code>redoubt evaluate --seed 7</code>"));
  CHECK(contains(page, "<dt>steps</dt><dd>100</dd>"));
}

TEST_CASE("warnings come before everything that they cast doubt on, and only where there are some") {
  const std::string page = evaluation_page(sample());
  CHECK(contains(page, "gradients are masked"));
  CHECK(page.find("Before you believe the number") < page.find("Attack by attack"));
  evaluation_report calm = sample();
  calm.warnings.clear();
  CHECK_FALSE(contains(evaluation_page(calm), "Before you believe"));
}

TEST_CASE("the page is well formed, runs nothing and fetches nothing, whatever was found") {
  evaluation_report bare;
  bare.attack = "none";
  for (const evaluation_report& report : {sample(), bare, evaluation_report{}}) {
    const std::string page = evaluation_page(report);
    check_well_formed(page);
    CHECK(contains(page, "default-src 'none'"));
    CHECK_FALSE(contains(page, "nan"));
    for (const char* forbidden : {"<script", "<link", "http://", "https://", "@import", "src=\"/", "url("}) {
      CHECK_FALSE(contains(page, forbidden));
    }
  }
  CHECK(contains(evaluation_page(bare), "not attacked"));
}

TEST_CASE("names from outside cannot become markup") {
  const std::string hostile = "<script>alert('\"&')</script>";
  evaluation_report report = sample();
  for (std::string* word :
       {&report.model, &report.images, &report.labels, &report.attack, &report.norm, &report.command,
        &report.warnings[0], &report.curve->attack, &report.attacks[0].name, &report.fooled[0].attack}) {
    *word = hostile;
  }
  report.options = {{hostile, hostile}};
  report.versions = {{hostile, hostile}};
  const std::string page = evaluation_page(report);
  CHECK_FALSE(contains(page, "<script"));
  check_well_formed(page);
}

TEST_CASE("of many classes the worst are shown, and the page says so") {
  evaluation_report report = sample();
  report.classes.clear();
  for (int label = 0; label < 100; ++label) {
    report.classes.push_back({label, 100, 100, 100 - label});
  }
  const std::string page = evaluation_page(report);
  CHECK(contains(page, "Shown are the worst 30 of 100"));
  CHECK(contains(page, "<th scope=\"row\">99</th>"));
  CHECK_FALSE(contains(page, "<th scope=\"row\">69</th>"));
}

TEST_CASE("sizes are told as a reader would write them") {
  CHECK(told_size(0) == "0");
  CHECK(told_size(0.1) == "0.1");
  CHECK(told_size(8. / 255) == "8/255");
  CHECK(told_size(0.2) == "0.2");  // 51/255
  CHECK(told_size(12) == "12");
  CHECK(told_size(0.0375) == "0.0375");
  CHECK(told_size(10. / 255 * 0.25) == "0.00980392");
}

TEST_CASE("the chart marks what the whole evaluation reached, its words inside the picture at either width") {
  evaluation_report report = sample();
  for (const int width : {360, 980}) {
    const std::string svg = security_chart(report, width);
    check_well_formed(svg);
    CHECK(contains(svg, "31.0%"));
    CHECK(contains(svg, "0.06"));  // a tick
    CHECK(contains(svg, "aria-label=\"Accuracy falls from 91.0% to 5.0%"));
  }
  report.curve.reset();
  CHECK(security_chart(report, 980).empty());
}

TEST_CASE("the terminal's table has a line an attack where there are several") {
  const std::string table = evaluation_table(sample());
  CHECK(contains(table, "clean accuracy  91.00 %  (95 %: 89.00 to 92.60)\n"));
  CHECK(contains(table, "robust accuracy 31.00 %  (95 %: 28.10 to 33.90)  under apgd-ce,apgd-t, linf <= 0.0313725\n"));
  CHECK(contains(table, "apgd-ce       910           500       41.00 %      12.5\n"));
  CHECK(contains(table, "0: 91.0 %, 8/255: 33.0 %, 16/255: 5.0 %\n"));
  CHECK(contains(table, "\nwarning: gradients are masked\n"));
  evaluation_report one = sample();
  one.attacks.pop_back();
  CHECK_FALSE(contains(evaluation_table(one), "newly fooled"));
}
