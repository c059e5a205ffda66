#include <redoubt/evaluate/normal_quantile.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

using redoubt::normal_quantile;

TEST_CASE("normal_quantile: known values, to 1e-15 of their size or of 1") {
  struct known {
    double p;
    double z;
  };
  // By root finding on the distribution function with 50 digits.
  for (const known& each :
       {known{1e-300, -37.047096299361201}, known{1e-100, -21.273453560965326}, known{1e-20, -9.262340089798407},
        known{1e-10, -6.3613409024040566}, known{1e-5, -4.2648907939228247}, known{0.001, -3.0902323061678136},
        known{0.025, -1.9599639845400543}, known{0.3, -0.52440051270804078}, known{0.49, -0.025068908258711057},
        known{0.499999999, -2.5066283428845328e-09}, known{0.5, 0}, known{0.6, 0.25334710313579972},
        known{0.75, 0.67448975019608171}, known{0.975, 1.9599639845400538}, known{0.99, 2.3263478740408408},
        known{0.9999, 3.7190164854557084}, known{1 - 1e-10, 6.3613408896974217}}) {
    CAPTURE(each.p);
    CHECK(std::abs(normal_quantile(each.p) - each.z) <= 1e-15 * std::max(1.0, std::abs(each.z)));
  }
}

TEST_CASE("normal_quantile: undoes the distribution function and never falls") {
  double before = -std::numeric_limits<double>::infinity();
  for (int hundredths = -800; hundredths <= 800; ++hundredths) {
    const double z = hundredths / 100.0;
    const double found = normal_quantile(std::erfc(-z / std::sqrt(2.0)) / 2);
    CHECK(found >= before);
    before = found;
    // Near 1 a probability holds few digits of its distance from it.
    CHECK(found == doctest::Approx(z).epsilon(z < 5 ? 1e-9 : 0.05));
  }
}

TEST_CASE("normal_quantile: the ends are infinite, and what is no probability is named") {
  CHECK(normal_quantile(0) == -std::numeric_limits<double>::infinity());
  CHECK(normal_quantile(1) == std::numeric_limits<double>::infinity());
  CHECK_THROWS_WITH_AS((void)normal_quantile(-0.1), "normal_quantile: needs a probability in [0, 1], got -0.1",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)normal_quantile(std::numeric_limits<double>::quiet_NaN()),
                       "normal_quantile: needs a probability in [0, 1], got nan", std::invalid_argument);
}
