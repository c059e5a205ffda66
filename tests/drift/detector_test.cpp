#include <redoubt/drift/detector.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <redoubt/drift/adwin.hpp>
#include <redoubt/drift/cusum.hpp>
#include <redoubt/drift/ddm.hpp>
#include <redoubt/drift/e_detector.hpp>
#include <redoubt/drift/eddm.hpp>
#include <redoubt/drift/hddm_a.hpp>
#include <redoubt/drift/hddm_w.hpp>
#include <redoubt/drift/page_hinkley.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "splitmix64.hpp"

// Counts this executable's allocations, for the promise that updates make none. Kept out of line: g++ warns of a
// mismatch where it inlines one of the pair.
static std::size_t allocations = 0;

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) {
    return memory;
  }
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

// Each detector with options that let it alarm several times on the stream below.
struct restarting_adwin {
  static redoubt::adwin make() { return redoubt::adwin{{.delta = 0.01, .clock = 4}}; }
};
struct ddm {
  static redoubt::ddm make() { return redoubt::ddm{}; }
};
struct floored_ddm {
  static redoubt::ddm make() { return redoubt::ddm{{.floor = true}}; }
};
struct eddm {
  static redoubt::eddm make() { return redoubt::eddm{}; }
};
struct page_hinkley {
  static redoubt::page_hinkley make() { return redoubt::page_hinkley{{.threshold = 10}}; }
};
struct cusum {
  static redoubt::cusum make() { return redoubt::cusum{{.target = 0.1, .slack = 0.1, .threshold = 4}}; }
};
struct hddm_a {
  static redoubt::hddm_a make() { return redoubt::hddm_a{{.two_sided_test = true}}; }
};
struct hddm_w {
  static redoubt::hddm_w make() { return redoubt::hddm_w{{.two_sided_test = true}}; }
};
struct e_sr {
  static redoubt::e_sr make() { return redoubt::e_sr{{.healthy = 0.1, .run_length = 500}}; }
};
struct e_cusum {
  static redoubt::e_cusum make() { return redoubt::e_cusum{{.healthy = 0.1, .run_length = 500}}; }
};

/// Bits whose chance of a one changes every 400 values: 0.05, 0.5, 0.05, ...
std::vector<double> changing_bits() {
  splitmix64 random{20};
  std::vector<double> bits;
  bits.reserve(2400);
  for (int i = 0; i < 2400; ++i) {
    bits.push_back(random.bit((i / 400) % 2 == 0 ? 0.05 : 0.5));
  }
  return bits;
}

}  // namespace

static_assert(redoubt::a_detector<redoubt::adwin>);
static_assert(redoubt::a_detector<redoubt::ddm>);
static_assert(redoubt::a_detector<redoubt::eddm>);
static_assert(redoubt::a_detector<redoubt::page_hinkley>);
static_assert(redoubt::a_detector<redoubt::cusum>);
static_assert(redoubt::a_detector<redoubt::hddm_a>);
static_assert(redoubt::a_detector<redoubt::hddm_w>);
static_assert(redoubt::a_detector<redoubt::e_sr>);
static_assert(redoubt::a_detector<redoubt::e_cusum>);
static_assert(!redoubt::a_detector<std::vector<double>>);

#define EVERY_DETECTOR restarting_adwin, ddm, floored_ddm, eddm, page_hinkley, cusum, hddm_a, hddm_w, e_sr, e_cusum

TEST_CASE_TEMPLATE("a detector alarms on the changing bits", Maker, EVERY_DETECTOR) {
  auto detector = Maker::make();
  CHECK(redoubt::first_drift(detector, changing_bits()).has_value());
}

TEST_CASE_TEMPLATE("a copy is a saved state: it goes on as the original does", Maker, EVERY_DETECTOR) {
  auto original = Maker::make();
  const std::vector<double> bits = changing_bits();
  for (std::size_t i = 0; i < 500; ++i) {
    original.update(bits[i]);
  }
  auto copy = original;
  for (std::size_t i = 500; i < bits.size(); ++i) {
    REQUIRE(copy.update(bits[i]) == original.update(bits[i]));
    REQUIRE(copy.statistic() == original.statistic());
  }
}

TEST_CASE_TEMPLATE("a reset detector and one that has alarmed both go on as a new one does", Maker, EVERY_DETECTOR) {
  const std::vector<double> bits = changing_bits();
  auto alarmed = Maker::make();
  const std::size_t first = *redoubt::first_drift(alarmed, bits);
  auto reset = alarmed;
  reset.reset();
  auto fresh = Maker::make();
  CHECK(reset.statistic() == fresh.statistic());
  for (std::size_t i = first + 1; i < bits.size(); ++i) {
    const redoubt::alarm expected = fresh.update(bits[i]);
    REQUIRE(alarmed.update(bits[i]) == expected);
    REQUIRE(reset.update(bits[i]) == expected);
    REQUIRE(alarmed.statistic() == fresh.statistic());
    REQUIRE(reset.statistic() == fresh.statistic());
  }
}

TEST_CASE_TEMPLATE("a value that is no number is refused by name and changes nothing", Maker, EVERY_DETECTOR) {
  auto detector = Maker::make();
  auto untouched = detector;
  const std::vector<double> bits = changing_bits();
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_WITH_AS(detector.update(bad), doctest::Contains(bad == bad ? "got inf" : "got "),
                         std::invalid_argument);
  }
  for (const double bit : bits) {
    REQUIRE(detector.update(bit) == untouched.update(bit));
  }
}

TEST_CASE_TEMPLATE("updates, alarms and restarts allocate nothing once the detector has seen as much before", Maker,
                   EVERY_DETECTOR) {
  auto detector = Maker::make();
  const std::vector<double> bits = changing_bits();
  for (const double bit : bits) {
    detector.update(bit);
  }
  detector.reset();
  const std::size_t before = allocations;
  for (const double bit : bits) {
    detector.update(bit);
  }
  CHECK(allocations == before);
}

TEST_CASE_TEMPLATE("a refused value right after an alarm leaves what the alarm saw", Maker, EVERY_DETECTOR) {
  auto detector = Maker::make();
  REQUIRE(redoubt::first_drift(detector, changing_bits()).has_value());
  const double seen = detector.statistic();
  CHECK_THROWS_AS(detector.update(std::numeric_limits<double>::quiet_NaN()), std::invalid_argument);
  CHECK(detector.statistic() == seen);
}

TEST_CASE_TEMPLATE("detectors of bounded values refuse others", Maker, ddm, eddm, hddm_a, hddm_w, e_sr, e_cusum) {
  auto detector = Maker::make();
  CHECK_THROWS_WITH_AS(detector.update(1.5), doctest::Contains("got 1.5"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(detector.update(-0.25), doctest::Contains("got -0.25"), std::invalid_argument);
}

namespace {

struct behaviour {
  int false_alarms = 0;  ///< in 1e6 healthy values
  int delay_to_three_in_ten = 0;
  int delay_to_nine_in_ten = 0;
};

/// Median number of values from the change to the alarm, after 1,000 values of which one in ten is an error.
template <class Detector>
int median_delay(const Detector& fresh, double error_rate, splitmix64& random) {
  std::vector<int> delays;
  delays.reserve(201);
  while (delays.size() < 201) {
    Detector detector = fresh;
    for (int i = 0; i < 1000; ++i) {
      detector.update(random.bit(0.1));
    }
    int delay = 1;
    while (detector.update(random.bit(error_rate)) != redoubt::alarm::drift && delay < 5000) {
      ++delay;
    }
    delays.push_back(delay);
  }
  std::nth_element(delays.begin(), delays.begin() + 100, delays.end());
  return delays[100];
}

template <class Detector>
behaviour measured(const std::string& name, const Detector& fresh) {
  splitmix64 random{1};
  int alarms = 0;
  for (int run = 0; run < 100; ++run) {
    Detector detector = fresh;
    for (int i = 0; i < 10000; ++i) {
      alarms += detector.update(random.bit(0.1)) == redoubt::alarm::drift ? 1 : 0;
    }
  }
  const behaviour found{.false_alarms = alarms,
                        .delay_to_three_in_ten = median_delay(fresh, 0.3, random),
                        .delay_to_nine_in_ten = median_delay(fresh, 0.9, random)};
  MESSAGE(name << ": " << alarms << " false alarms in 1e6 values; median delay " << found.delay_to_three_in_ten
               << " (0.1 to 0.3), " << found.delay_to_nine_in_ten << " (0.1 to 0.9)");
  return found;
}

}  // namespace

TEST_CASE("the table of docs/detectors.md: false alarms and delays on error bits, seed 1") {
  const behaviour e_sr = measured("e_sr", redoubt::e_sr{{.healthy = 0.12}});
  const behaviour e_cusum = measured("e_cusum", redoubt::e_cusum{{.healthy = 0.12}});
  const behaviour cusum =
      measured("cusum", redoubt::cusum{{.target = 0.1, .slack = 0.1, .mode = redoubt::direction::up}});
  const behaviour ddm = measured("ddm", redoubt::ddm{});
  const behaviour eddm = measured("eddm", redoubt::eddm{});
  const behaviour adwin = measured("adwin", redoubt::adwin{});
  const behaviour adwin_clock_1 = measured("adwin, clock 1", redoubt::adwin{{.clock = 1}});
  const behaviour page_hinkley = measured("page_hinkley", redoubt::page_hinkley{});
  const behaviour hddm_a = measured("hddm_a", redoubt::hddm_a{});
  const behaviour hddm_w = measured("hddm_w", redoubt::hddm_w{});
  for (const behaviour& each : {e_sr, e_cusum}) {
    CHECK(each.false_alarms <= 100);
    CHECK(each.delay_to_nine_in_ten <= 15);
  }
  for (const behaviour& each : {ddm, adwin, page_hinkley, hddm_a, hddm_w}) {
    CHECK(e_sr.delay_to_three_in_ten <= each.delay_to_three_in_ten);
  }
  CHECK(eddm.false_alarms > 1000);
  CHECK(adwin_clock_1.delay_to_nine_in_ten < adwin.delay_to_nine_in_ten);
  CHECK(cusum.delay_to_nine_in_ten <= 15);
}

TEST_CASE("first_drift reads no further than the alarm") {
  redoubt::cusum detector{{.target = 0, .slack = 0, .threshold = 2.5}};
  const std::vector<double> ones(10, 1.0);
  CHECK(redoubt::first_drift(detector, ones) == 2);
  CHECK(detector.count() == 3);
}

TEST_CASE("first_drift finds nothing in no values") {
  redoubt::cusum detector;
  CHECK_FALSE(redoubt::first_drift(detector, {}).has_value());
}
