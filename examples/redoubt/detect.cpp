#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <redoubt/core/error.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "command.hpp"
#include "detectors.hpp"

namespace redoubt::program {
namespace {

struct detect_flags {
  std::string detector;
  std::vector<std::string> set;
  std::string input;
  bool list = false;
  bool trace = false;
};

struct findings {
  std::size_t n = 0;
  std::vector<std::size_t> drift;
  std::vector<std::size_t> warning;
  std::vector<double> statistic;
};

/// A piece of somebody's file, fit for one line of a message.
std::string excerpt(std::string_view text) {
  constexpr std::size_t longest = 40;
  std::string safe{text.substr(0, longest)};
  std::replace_if(
      safe.begin(), safe.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'" + safe + (text.size() > longest ? "...'" : "'");
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// The number that `line` holds; throws std::runtime_error that says what it holds instead.
double number_in(std::string_view line, std::size_t line_number) {
  std::string_view text = trimmed(line);
  if (text.empty()) {
    fail("blank, but every line must hold one number");
  }
  const std::string shown = excerpt(text);
  if (text.front() == '+') {
    text.remove_prefix(1);
  }
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    fail(shown, " is beyond the range of a double");
  }
  if (error != std::errc{} || stop != text.data() + text.size()) {
    fail(shown, " is not one number", line_number == 1 ? " (a header? the file must hold nothing but numbers)" : "");
  }
  if (!std::isfinite(value)) {
    fail(shown, " is not a finite number");
  }
  return value;
}

findings run_over(std::istream& stream, const std::string& name, any_detector detector, bool trace) {
  findings found;
  std::string line;
  for (; std::getline(stream, line); ++found.n) {
    alarm said = alarm::none;
    try {
      said = update(detector, number_in(line, found.n + 1));
    } catch (const std::exception& error) {
      fail(name, ", line ", found.n + 1, ": ", error.what());
    }
    if (said == alarm::drift) {
      found.drift.push_back(found.n);
    }
    if (in_warning_zone(detector)) {
      found.warning.push_back(found.n);
    }
    if (trace) {
      found.statistic.push_back(statistic(detector));
    }
  }
  if (stream.bad()) {
    fail("cannot read ", name, " beyond line ", found.n);
  }
  if (found.n == 0) {
    fail(name, " is empty: there is no value to look at");
  }
  return found;
}

findings run_over(const std::string& input, const any_detector& detector, bool trace) {
  if (input == "-") {
    return run_over(std::cin, "standard input", detector, trace);
  }
  if (std::filesystem::is_directory(input)) {
    fail(input, " is a directory; --input takes a file with one number a line");
  }
  std::ifstream file{input};
  if (!file) {
    const std::error_code why{errno, std::generic_category()};
    fail("cannot open ", input, ": ", why.message());
  }
  return run_over(file, input, detector, trace);
}

settings parse_settings(const std::vector<std::string>& words) {
  settings chosen;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    require(equals != std::string::npos && equals > 0, "--set takes key=value, got ", excerpt(word));
    const std::string key = word.substr(0, equals);
    const bool again =
        std::any_of(chosen.begin(), chosen.end(), [&key](const auto& earlier) { return earlier.first == key; });
    require(!again, "--set gives ", key, " twice");
    chosen.emplace_back(key, word.substr(equals + 1));
  }
  return chosen;
}

/// "3, 7-9 and 2 more": consecutive indices drawn together, cut where a reader would stop reading.
std::string indices_as_prose(const std::vector<std::size_t>& indices) {
  constexpr int most_runs = 12;
  std::ostringstream text;
  int runs = 0;
  for (std::size_t i = 0; i < indices.size(); ++runs) {
    std::size_t last = i;
    while (last + 1 < indices.size() && indices[last + 1] == indices[last] + 1) {
      ++last;
    }
    if (runs == most_runs) {
      text << " and " << indices.size() - i << " more (--json gives all)";
      break;
    }
    text << (runs == 0 ? "" : ", ") << indices[i];
    if (last > i) {
      text << '-' << indices[last];
    }
    i = last + 1;
  }
  return indices.empty() ? "none" : text.str();
}

std::string value_as_prose(const nlohmann::json& value) {
  if (value.is_null()) {
    return "required";
  }
  if (value.is_array() && value.empty()) {
    return "none";
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

outcome list_kinds(const std::vector<detector_kind>& kinds) {
  outcome result;
  result.report["detectors"] = nlohmann::json::array();
  std::ostringstream prose;
  for (const detector_kind& kind : kinds) {
    nlohmann::json parameters = nlohmann::json::array();
    prose << (&kind == &kinds.front() ? "" : "\n") << kind.name << "\n  alarms when  " << kind.notices
          << "\n  reads        " << kind.one_means << "\n  guarantee    " << kind.guarantee << '\n';
    for (const parameter& each : kind.parameters) {
      parameters.push_back({{"name", each.name}, {"default", each.standard}, {"meaning", each.meaning}});
      std::string line = "    " + each.name;
      line.resize(std::max<std::size_t>(line.size() + 1, 24), ' ');
      line += value_as_prose(each.standard);
      line.resize(std::max<std::size_t>(line.size() + 1, 34), ' ');
      prose << line << each.meaning << '\n';
    }
    result.report["detectors"].push_back({{"name", kind.name},
                                          {"alarms_when", kind.notices},
                                          {"reads", kind.one_means},
                                          {"guarantee", kind.guarantee},
                                          {"parameters", parameters}});
  }
  result.prose = prose.str();
  return result;
}

outcome report(const detect_flags& flags, const nlohmann::json& options, const findings& found) {
  outcome result;
  result.report = {{"detector", flags.detector},
                   {"options", options},
                   {"n", found.n},
                   {"drift", found.drift},
                   {"warning", found.warning}};
  if (flags.trace) {
    result.report["statistic"] = found.statistic;
  }
  std::ostringstream prose;
  prose << flags.detector << " (";
  const char* separator = "";
  for (const auto& [name, value] : options.items()) {
    prose << separator << name << ' ' << value_as_prose(value);
    separator = ", ";
  }
  prose << ") read " << found.n << " values\n"
        << "drift at    " << indices_as_prose(found.drift) << '\n'
        << "warning at  " << indices_as_prose(found.warning) << '\n';
  result.prose = prose.str();
  return result;
}

outcome detect(const detect_flags& flags) {
  if (flags.list) {
    return list_kinds(flags.detector.empty() ? all_detectors() : std::vector{detector_named(flags.detector)});
  }
  require(!flags.detector.empty(), "--detector NAME is missing; --list shows which there are");
  const detector_kind kind = detector_named(flags.detector);
  const any_detector detector = kind.make(parse_settings(flags.set));
  require(!flags.input.empty(), "--input FILE is missing: one number a line, or - for standard input");
  return report(flags, kind.options(detector), run_over(flags.input, detector, flags.trace));
}

}  // namespace

command make_detect(CLI::App& root) {
  CLI::App* const app = root.add_subcommand(
      "detect", "Watch a stream of numbers, such as error bits, for the moment when it changes for the worse");
  const auto flags = std::make_shared<detect_flags>();
  app->add_option("--detector", flags->detector, "which detector watches")->type_name("NAME");
  app->add_option("--set", flags->set, "the detector's parameters, as river spells them where it has them")
      ->type_name("KEY=VALUE");
  app->add_option("--input", flags->input, "one number a line; - reads standard input")->type_name("FILE");
  app->add_flag("--list", flags->list, "show each detector, its parameters, their defaults and what 1 means");
  app->add_flag("--trace", flags->trace, "add to the JSON the detector's statistic after every value");
  return {app, [flags] { return detect(*flags); }};
}

}  // namespace redoubt::program
