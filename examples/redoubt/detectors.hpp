#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <redoubt/drift/adwin.hpp>
#include <redoubt/drift/cusum.hpp>
#include <redoubt/drift/ddm.hpp>
#include <redoubt/drift/e_detector.hpp>
#include <redoubt/drift/eddm.hpp>
#include <redoubt/drift/hddm_a.hpp>
#include <redoubt/drift/hddm_w.hpp>
#include <redoubt/drift/page_hinkley.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace redoubt::program {

/// Any of the library's streaming detectors, as a value.
using any_detector = std::variant<adwin, cusum, ddm, e_cusum, e_sr, eddm, hddm_a, hddm_w, page_hinkley>;

alarm update(any_detector& detector, double value);
[[nodiscard]] double statistic(const any_detector& detector);

/// Whether the detector is in its warning zone, with river's reading: an alarm may carry the warning before it along.
[[nodiscard]] bool in_warning_zone(const any_detector& detector);

/// A detector's option as a user meets it.
struct parameter {
  std::string name;
  nlohmann::json standard;  ///< the default; null where the user has to say
  std::string meaning;
};

/// Names and values as they were typed.
using settings = std::vector<std::pair<std::string, std::string>>;

/// What the program knows about one kind of detector.
struct detector_kind {
  std::string name;
  std::string notices;    ///< what it alarms on
  std::string one_means;  ///< what it reads, and what a 1 stands for
  std::string guarantee;
  std::vector<parameter> parameters;

  /// Throws std::invalid_argument on a name that is no parameter, a value that is none of its type, or out of range.
  std::function<any_detector(const settings&)> make;

  /// The options of a detector that `make` has made: {name: value}.
  std::function<nlohmann::json(const any_detector&)> options;
};

/// All of them, by name.
[[nodiscard]] std::vector<detector_kind> all_detectors();

/// The one called `name`; throws std::invalid_argument that says which there are.
[[nodiscard]] detector_kind detector_named(const std::string& name);

}  // namespace redoubt::program
