#include "detectors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

using namespace redoubt::program;

namespace {

/// Settings that a kind cannot do without.
settings required_by(const detector_kind& kind) {
  settings chosen;
  for (const parameter& each : kind.parameters) {
    if (each.standard.is_null()) {
      chosen.emplace_back(each.name, "0.1");
    }
  }
  return chosen;
}

}  // namespace

TEST_CASE("the catalogue is sorted by name and documents everything") {
  std::string previous;
  for (const detector_kind& kind : all_detectors()) {
    CAPTURE(kind.name);
    CHECK(previous < kind.name);
    previous = kind.name;
    CHECK_FALSE(kind.notices.empty());
    CHECK_FALSE(kind.guarantee.empty());
    CHECK(kind.one_means.find('1') != std::string::npos);
    CHECK_FALSE(kind.parameters.empty());
    for (const parameter& each : kind.parameters) {
      CHECK_FALSE(each.meaning.empty());
    }
  }
}

TEST_CASE("every kind makes a detector that reads bits, and shows the options it was made with") {
  for (const detector_kind& kind : all_detectors()) {
    CAPTURE(kind.name);
    any_detector detector = kind.make(required_by(kind));
    CHECK(update(detector, 0) == redoubt::alarm::none);
    CHECK(statistic(detector) == statistic(detector));
    CHECK_FALSE(in_warning_zone(detector));
    const nlohmann::json options = kind.options(detector);
    CHECK(options.size() == kind.parameters.size());
    for (const parameter& each : kind.parameters) {
      CAPTURE(each.name);
      const bool derived = each.standard.is_null() || each.standard == nlohmann::json::array();
      CHECK((derived || options.at(each.name) == each.standard));
    }
  }
}

TEST_CASE("every default can be typed as it is shown") {
  for (const detector_kind& kind : all_detectors()) {
    settings chosen = required_by(kind);
    for (const parameter& each : kind.parameters) {
      if (each.standard.is_null() || each.standard.is_array()) {
        continue;
      }
      chosen.emplace_back(each.name,
                          each.standard.is_string() ? each.standard.get<std::string>() : each.standard.dump());
    }
    CHECK(kind.options(kind.make(chosen)) == kind.options(kind.make(required_by(kind))));
  }
}

TEST_CASE("settings reach the detector, whatever their type") {
  const detector_kind kind = detector_named("adwin");
  const any_detector detector = kind.make({{"delta", "0.05"}, {"clock", "1"}, {"on_alarm", "keep_tail"}});
  const redoubt::adwin_options& options = std::get<redoubt::adwin>(detector).options();
  CHECK(options.delta == 0.05);
  CHECK(options.clock == 1);
  CHECK(options.on_alarm == redoubt::after_alarm::keep_tail);

  const any_detector hddm = detector_named("hddm_w").make({{"two_sided_test", "True"}, {"lambda", ".1"}});
  CHECK(std::get<redoubt::hddm_w>(hddm).options().two_sided_test);
  CHECK(std::get<redoubt::hddm_w>(hddm).options().lambda == 0.1);

  const any_detector e_sr = detector_named("e_sr").make({{"healthy", "0.25"}, {"lambdas", "0.5,1,2"}});
  CHECK(std::get<redoubt::e_sr>(e_sr).options().lambdas == std::vector<double>{0.5, 1, 2});
}

TEST_CASE("an unknown name is refused with the names there are and the one that was meant") {
  CHECK_THROWS_WITH_AS(
      (void)detector_named("adwni"),
      "no detector 'adwni', did you mean adwin? (there are adwin, cusum, ddm, e_cusum, e_sr, eddm, hddm_a, hddm_w, "
      "page_hinkley)",
      std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)detector_named("eddm").make({{"gamma", "1"}}),
                       "no parameter of eddm 'gamma' (there are warm_start, alpha, beta, form)", std::invalid_argument);
}

TEST_CASE("a value of the wrong type is refused with the type that is wanted") {
  const auto make = [](const char* name, const char* key, const char* text) {
    return [=] { (void)detector_named(name).make({{key, text}}); };
  };
  CHECK_THROWS_WITH_AS(make("adwin", "clock", "1.5")(), "clock takes a whole number, got '1.5'", std::invalid_argument);
  CHECK_THROWS_WITH_AS(make("adwin", "delta", "small")(), "delta takes a number, got 'small'", std::invalid_argument);
  CHECK_THROWS_WITH_AS(make("adwin", "delta", "")(), "delta takes a number, got ''", std::invalid_argument);
  CHECK_THROWS_WITH_AS(make("adwin", "on_alarm", "stop")(), "on_alarm takes restart or keep_tail, got 'stop'",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(make("ddm", "floor", "yes")(), "floor takes true or false, got 'yes'", std::invalid_argument);
  CHECK_THROWS_WITH_AS(make("e_sr", "lambdas", "1,,2")(), "lambdas takes numbers with commas between them, got '1,,2'",
                       std::invalid_argument);
}

TEST_CASE("a value out of range is refused by the detector, and a missing one by name") {
  CHECK_THROWS_WITH_AS((void)detector_named("adwin").make({{"delta", "2"}}),
                       "adwin: delta must lie strictly between 0 and 1, got 2", std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)detector_named("e_sr").make({}), doctest::Contains("e_sr: healthy has to be given"),
                       std::invalid_argument);
}
