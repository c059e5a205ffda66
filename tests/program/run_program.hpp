#pragma once

#include "interrupt.hpp"
#include "shell.hpp"

#include <ATen/ATen.h>  // before doctest: LibTorch has a macro CHECK of its own, which ends the process

#include <doctest/doctest.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

/// A command line without the program's name.
using command_line = std::vector<std::string>;

inline command_line operator+(command_line words, const command_line& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// What a run of the program left.
struct run_result {
  int exit_code = 0;
  std::string out;
  std::string err;

  [[nodiscard]] nlohmann::json report() const { return nlohmann::json::parse(out); }
};

/// Runs the whole program, in this process.
inline run_result run_program(const command_line& words) {
  using namespace redoubt::program;
  std::vector<const char*> line{"redoubt"};
  for (const std::string& word : words) {
    line.push_back(word.c_str());
  }
  std::ostringstream out;
  std::ostringstream err;
  const int code = run_shell({make_loop, make_train, make_evaluate, make_attack, make_detect, make_gate},
                             static_cast<int>(line.size()), line.data(), out, err);
  return {code, out.str(), err.str()};
}

/// Runs the program with a signal that has already come when its work begins: it stops at the first look.
inline run_result run_interrupted(const command_line& words, int signal = SIGINT) {
  const redoubt::program::interrupt_watch before;
  std::raise(signal);
  return run_program(words);
}

/// The JSON object of a run that must end with this exit code.
inline nlohmann::json report_of(const command_line& words, int exit_code = 0) {
  const run_result run = run_program(words + command_line{"--json"});
  REQUIRE_MESSAGE(run.exit_code == exit_code, run.out);
  CHECK(run.err.empty());
  return run.report();
}

/// The same without what differs from run to run.
inline nlohmann::json timeless(nlohmann::json report) {
  if (report.is_object()) {
    report.erase("seconds");
  }
  for (auto& [key, value] : report.items()) {
    if (value.is_structured()) {
      value = timeless(value);
    }
  }
  return report;
}

/// The message of a run that must fail with this exit code: one line on stderr, and with `--json` the same in an
/// object.
inline std::string error_of(const command_line& words, int exit_code) {
  const run_result prose = run_program(words);
  CHECK_MESSAGE(prose.exit_code == exit_code, prose.err);
  CHECK(prose.out.empty());
  const std::string start = "redoubt " + words.front() + ": ";
  REQUIRE_MESSAGE(prose.err.starts_with(start), prose.err);
  CHECK_MESSAGE(prose.err.find('\n') + 1 == prose.err.size(), prose.err);
  std::string message = prose.err.substr(start.size(), prose.err.size() - start.size() - 1);

  const run_result object = run_program(words + command_line{"--json"});
  CHECK(object.exit_code == exit_code);
  CHECK(object.err.empty());
  const nlohmann::json error = object.report().at("error");
  CHECK(error.size() == 2);
  CHECK(error.at("code") == (exit_code == 2 ? "usage" : "failed"));
  CHECK(error.at("message") == message);
  return message;
}

/// Whether `text` holds `part`, which it has to: where it does not, a failed check shows the text.
inline bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  CHECK_MESSAGE(found, "\"", text, "\" does not hold \"", part, "\"");
  return found;
}

using string_set = std::set<std::string>;

inline string_set keys_of(const nlohmann::json& object) {
  string_set keys;
  for (const auto& [key, value] : object.items()) {
    keys.insert(key);
  }
  return keys;
}
