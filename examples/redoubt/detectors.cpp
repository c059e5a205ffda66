#include "detectors.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <redoubt/core/error.hpp>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "spelling.hpp"

namespace redoubt::program {
namespace {

using nlohmann::json;

constexpr auto spellings(direction) {
  return std::array{std::pair{"up", direction::up}, std::pair{"down", direction::down},
                    std::pair{"both", direction::both}};
}

constexpr auto spellings(variant) {
  return std::array{std::pair{"river", variant::river}, std::pair{"paper", variant::paper}};
}

constexpr auto spellings(after_alarm) {
  return std::array{std::pair{"restart", after_alarm::restart}, std::pair{"keep_tail", after_alarm::keep_tail}};
}

[[noreturn]] void refuse(const std::string& key, const char* wanted, const std::string& text) {
  throw std::invalid_argument(key + " takes " + wanted + ", got '" + text + "'");
}

template <class Number>
bool read_number(std::string_view text, Number& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

void parse(const std::string& key, const std::string& text, double& value) {
  if (!read_number(text, value)) {
    refuse(key, "a number", text);
  }
}

void parse(const std::string& key, const std::string& text, int& value) {
  if (!read_number(text, value)) {
    refuse(key, "a whole number", text);
  }
}

void parse(const std::string& key, const std::string& text, bool& value) {
  const bool yes = text == "true" || text == "True" || text == "1";
  if (!yes && text != "false" && text != "False" && text != "0") {
    refuse(key, "true or false", text);
  }
  value = yes;
}

void parse(const std::string& key, const std::string& text, std::vector<double>& values) {
  values.clear();
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    if (!read_number(item, values.emplace_back())) {
      refuse(key, "numbers with commas between them", text);
    }
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
  }
}

template <class Enum>
requires std::is_enum_v<Enum>
void parse(const std::string& key, const std::string& text, Enum& value) {
  std::string wanted;
  for (const auto& [name, choice] : spellings(Enum{})) {
    if (text == name) {
      value = choice;
      return;
    }
    wanted += (wanted.empty() ? "" : " or ") + std::string(name);
  }
  refuse(key, wanted.c_str(), text);
}

template <class Value>
requires(!std::is_enum_v<Value>) json shown(const Value& value) {
  return value;
}

json shown(double value) {
  return std::isnan(value) ? json(nullptr) : json(value);
}

template <class Enum>
requires std::is_enum_v<Enum> json shown(Enum value) {
  const auto names = spellings(value);
  return std::find_if(names.begin(), names.end(), [value](const auto& each) { return each.second == value; })->first;
}

/// A parameter bound to the field of the library's options that it sets.
template <class Options>
struct knob {
  std::string name;
  std::string meaning;
  std::function<void(Options&, const std::string&)> set;
  std::function<json(const Options&)> show;
};

template <class Options, class Value>
knob<Options> field(const char* name, Value Options::*member, const char* meaning) {
  return {.name = name,
          .meaning = meaning,
          .set = [=](Options& options, const std::string& text) { parse(name, text, options.*member); },
          .show = [=](const Options& options) { return shown(options.*member); }};
}

/// The one of `known` called `name`; throws std::invalid_argument that says which there are.
template <class Named>
const Named& find_named(const std::string& what, const std::string& name, const std::vector<Named>& known) {
  std::vector<std::string> names;
  std::string list;
  for (const Named& each : known) {
    if (each.name == name) {
      return each;
    }
    names.push_back(each.name);
    list += (list.empty() ? "" : ", ") + each.name;
  }
  const std::string meant = nearest(name, names);
  throw std::invalid_argument("no " + what + " '" + name + "'" +
                              (meant.empty() ? "" : ", did you mean " + meant + "?") + " (there are " + list + ")");
}

struct description {
  const char* name;
  const char* notices;
  const char* one_means;
  const char* guarantee;
};

/// A kind whose defaults are read off the library's own options, so that they cannot differ.
template <class Detector, class Options>
detector_kind kind_of(const description& what, const std::vector<knob<Options>>& knobs) {
  detector_kind kind{what.name, what.notices, what.one_means, what.guarantee, {}, {}, {}};
  for (const knob<Options>& each : knobs) {
    kind.parameters.push_back({each.name, each.show(Options{}), each.meaning});
  }
  kind.make = [knobs, name = kind.name](const settings& chosen) -> any_detector {
    Options options;
    for (const auto& [key, text] : chosen) {
      find_named("parameter of " + name, key, knobs).set(options, text);
    }
    return Detector{options};
  };
  kind.options = [knobs](const any_detector& detector) {
    json object = json::object();
    for (const knob<Options>& each : knobs) {
      object[each.name] = each.show(std::get<Detector>(detector).options());
    }
    return object;
  };
  return kind;
}

constexpr const char* error_bits = "0 and 1: 1 is an error, 0 a right answer";
constexpr const char* unit_values = "numbers in [0, 1], such as 1 for an error and 0 for a right answer";
constexpr const char* any_values = "any finite numbers, such as 1 for an error and 0 for a right answer";

detector_kind adwin_kind() {
  return kind_of<adwin, adwin_options>(
      {"adwin", "the older and the newer part of a growing window differ in their mean (Bifet, Gavalda 2007)",
       any_values, "delta bounds, approximately and for values in [0, 1], the chance of a false alarm a check"},
      {field("delta", &adwin_options::delta, "chance of a false cut, a check; in (0, 1)"),
       field("clock", &adwin_options::clock, "check every so many values"),
       field("max_buckets", &adwin_options::max_buckets, "buckets of each size before two are merged"),
       field("min_window_length", &adwin_options::min_window_length, "neither part is shorter"),
       field("grace_period", &adwin_options::grace_period, "no check until the window is longer"),
       field("on_alarm", &adwin_options::on_alarm, "restart (forget everything) or keep_tail (the paper's)")});
}

detector_kind cusum_kind() {
  return kind_of<cusum, cusum_options>(
      {"cusum", "the mean has left a stated target (Page 1954)", any_values, "none that holds for every distribution"},
      {field("target", &cusum_options::target, "mean of a healthy stream"),
       field("slack", &cusum_options::slack, "tolerated change of mean: half of the one to be found"),
       field("threshold", &cusum_options::threshold, "alarm above so much accumulated change"),
       field("mode", &cusum_options::mode, "up, down or both")});
}

detector_kind ddm_kind() {
  return kind_of<ddm, ddm_options>(
      {"ddm", "the error rate has risen above its lowest (Gama et al. 2004)", error_bits,
       "none: false alarms come sooner or later"},
      {field("warm_start", &ddm_options::warm_start, "no alarm within the first so many values"),
       field("warning_threshold", &ddm_options::warning_threshold, "warn so many deviations above the lowest"),
       field("drift_threshold", &ddm_options::drift_threshold, "alarm so many deviations above the lowest"),
       field("floor", &ddm_options::floor, "a lowest rate below one error in the values seen is not believed")});
}

detector_kind eddm_kind() {
  return kind_of<eddm, eddm_options>(
      {"eddm", "errors come closer together than they did (Baena-Garcia et al. 2006)", error_bits,
       "none: expect a false alarm every few hundred values"},
      {field("warm_start", &eddm_options::warm_start, "no alarm within the first so many values and errors"),
       field("alpha", &eddm_options::alpha, "warn below this share of the greatest distance"),
       field("beta", &eddm_options::beta, "alarm below this share"),
       field("form", &eddm_options::form, "river (sample deviation) or paper (population deviation)")});
}

template <class Detector>
detector_kind e_kind(const char* name, const char* guarantee) {
  return kind_of<Detector, e_detector_options>(
      {name, "the mean is above what is healthy (Shin, Ramdas, Rinaldo 2023)", unit_values, guarantee},
      {field("healthy", &e_detector_options::healthy, "largest mean of a healthy stream; in (0, 1)"),
       field("lambdas", &e_detector_options::lambdas, "bets, such as 0.5,1,2; none: derived from healthy"),
       field("run_length", &e_detector_options::run_length, "values until a false alarm, at least, on average")});
}

detector_kind hddm_a_kind() {
  return kind_of<hddm_a, hddm_a_options>(
      {"hddm_a", "the mean has risen, by Hoeffding's bound (Frias-Blanco et al. 2015)", unit_values,
       "the confidences are those of one comparison; they bound no run length"},
      {field("drift_confidence", &hddm_a_options::drift_confidence, "chance of a false alarm in one comparison"),
       field("warning_confidence", &hddm_a_options::warning_confidence, "the same for a warning"),
       field("two_sided_test", &hddm_a_options::two_sided_test, "also alarm on a fall"),
       field("form", &hddm_a_options::form, "river (ln 2/confidence) or paper (ln 1/confidence)")});
}

detector_kind hddm_w_kind() {
  return kind_of<hddm_w, hddm_w_options>(
      {"hddm_w", "the weighted mean has risen, by McDiarmid's bound (Frias-Blanco et al. 2015)", unit_values,
       "the confidences are those of one comparison; they bound no run length"},
      {field("drift_confidence", &hddm_w_options::drift_confidence, "chance of a false alarm in one comparison"),
       field("warning_confidence", &hddm_w_options::warning_confidence, "the same for a warning"),
       field("lambda", &hddm_w_options::lambda, "weight of the newest value; in (0, 1)"),
       field("two_sided_test", &hddm_w_options::two_sided_test, "also alarm on a fall"),
       field("form", &hddm_w_options::form, "river (first weight decays) or paper (first weight 1)")});
}

detector_kind page_hinkley_kind() {
  return kind_of<page_hinkley, page_hinkley_options>(
      {"page_hinkley", "values have moved away from their running mean (Page 1954)", any_values,
       "none: choose threshold for the unit and the spread of the values"},
      {field("min_instances", &page_hinkley_options::min_instances, "no alarm before so many values"),
       field("delta", &page_hinkley_options::delta, "tolerated change of mean"),
       field("threshold", &page_hinkley_options::threshold, "alarm above so much accumulated change"),
       field("alpha", &page_hinkley_options::alpha, "what a step keeps of the accumulated change; in (0, 1]"),
       field("mode", &page_hinkley_options::mode, "up, down or both")});
}

}  // namespace

alarm update(any_detector& detector, double value) {
  return std::visit([value](auto& each) { return each.update(value); }, detector);
}

double statistic(const any_detector& detector) {
  return std::visit([](const auto& each) { return each.statistic(); }, detector);
}

bool in_warning_zone(const any_detector& detector) {
  return std::visit(
      [](const auto& each) {
        if constexpr (requires { each.in_warning_zone(); }) {
          return each.in_warning_zone();
        } else {
          return false;
        }
      },
      detector);
}

std::vector<detector_kind> all_detectors() {
  const char* const promised =
      "a false alarm takes run_length values or more on average if each one's mean, given the past, is at most healthy";
  return {adwin_kind(),
          cusum_kind(),
          ddm_kind(),
          e_kind<e_cusum>("e_cusum", promised),
          e_kind<e_sr>("e_sr", promised),
          eddm_kind(),
          hddm_a_kind(),
          hddm_w_kind(),
          page_hinkley_kind()};
}

detector_kind detector_named(const std::string& name) {
  return find_named("detector", name, all_detectors());
}

}  // namespace redoubt::program
