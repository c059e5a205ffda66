#include "html.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <optional>

using namespace redoubt::program;

TEST_CASE("escaped text cannot become markup") {
  CHECK(escaped("<b class=\"x\">'&'</b>") == "&lt;b class=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/b&gt;");
  CHECK(escaped("plain · text") == "plain · text");
}

TEST_CASE("long numbers are grouped by thousands") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(-1000) == "-1,000");
  CHECK(grouped(-999) == "-999");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(grouped(std::nullopt) == dash);
}

TEST_CASE("accuracies are percentages, and what is not there is a dash") {
  CHECK(percent(0.7843) == "78.4%");
  CHECK(percent(1.0) == "100.0%");
  CHECK(percent(std::nullopt) == dash);
  CHECK(percent(std::numeric_limits<double>::quiet_NaN()) == dash);
}

TEST_CASE("durations are spelled for their size") {
  CHECK(duration(0.44) == "0.4 s");
  CHECK(duration(41.2) == "41 s");
  CHECK(duration(59.6) == "1 min 0 s");
  CHECK(duration(130) == "2 min 10 s");
}

TEST_CASE("decimals hold the largest double") {
  CHECK(decimal(1e308, 1).size() == 311);
}
