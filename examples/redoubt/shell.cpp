#include "shell.hpp"

#include "interrupt.hpp"
#include "spelling.hpp"

#include <c10/util/Exception.h>
#include <torch/csrc/api/include/torch/version.h>
#include <CLI/CLI.hpp>

#include <redoubt/core/version.hpp>

#include <algorithm>
#include <cctype>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace redoubt::program {
namespace {

struct failure {
  int exit_code;
  std::string code;
  std::string message;
};

void stamp(nlohmann::json& report) {
  const nlohmann::json defaults = {
      {"schema", 1}, {"version", version}, {"torch", TORCH_VERSION}, {"device", "cpu"}, {"seed", nullptr}};
  for (const auto& [key, value] : defaults.items()) {
    if (!report.contains(key)) {
      report[key] = value;
    }
  }
}

/// The line that tells most of a message of several lines: LibTorch puts notes and backtraces below the first one,
/// but the TorchScript interpreter writes its reason last.
std::string one_line(std::string_view message) {
  const bool reason_is_last = message.find("Traceback of TorchScript") != std::string_view::npos;
  std::string_view line;
  while (!message.empty() && (line.empty() || reason_is_last)) {
    const std::string_view next = message.substr(0, message.find('\n'));
    message.remove_prefix(std::min(message.size(), next.size() + 1));
    if (next.find_first_not_of(" \t\r") != std::string_view::npos) {
      line = next;
    }
  }
  return line.empty() ? "unknown error" : std::string(line);
}

std::string joined(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return list;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::string best = nearest(word, known);
  return best.empty() ? "" : "; did you mean " + best + "?";
}

std::vector<std::string> subcommand_names(const CLI::App& root) {
  std::vector<std::string> names;
  for (const CLI::App* sub : root.get_subcommands({})) {
    names.push_back(sub->get_name());
  }
  return names;
}

std::vector<std::string> flag_names(const CLI::App& flags) {
  std::vector<std::string> names;
  for (const CLI::Option* option : flags.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

/// What is wrong with the command line, in the words of its reader. Unknown words come first: CLI11 would rather
/// complain of the required flag that the misspelt one left unset.
std::string usage_message(const CLI::App& root, const CLI::ParseError& error) {
  const auto parsed = root.get_subcommands();
  if (parsed.empty()) {
    const std::vector<std::string> names = subcommand_names(root);
    const std::vector<std::string> extra = root.remaining();
    if (extra.empty()) {
      return "which subcommand? one of " + joined(names) + " (redoubt --help)";
    }
    if (extra.front().starts_with("-")) {
      return "unknown flag " + extra.front() + " before a subcommand; the subcommands are " + joined(names);
    }
    const std::string hint = suggestion(extra.front(), names);
    return "unknown subcommand " + extra.front() + (hint.empty() ? "; there are " + joined(names) : hint);
  }
  const CLI::App& flags = *parsed.front();
  const std::string help = " (redoubt " + flags.get_name() + " --help)";
  const std::vector<std::string> extra = root.remaining(true);
  const auto flag = std::find_if(extra.begin(), extra.end(), [](const auto& word) { return word.starts_with("--"); });
  if (flag != extra.end()) {
    const std::string name = flag->substr(0, flag->find('='));
    return "unknown flag " + name + suggestion(name, flag_names(flags)) + help;
  }
  if (!extra.empty()) {
    return "unexpected argument " + extra.front() + help;
  }
  return one_line(error.what()) + help;
}

const command& parsed_of(const std::vector<command>& commands) {
  return *std::find_if(commands.begin(), commands.end(), [](const command& c) { return c.flags->parsed(); });
}

/// Whether this process is one of many at one work, and not the one that prints: the others' errors go to stderr.
bool follows(const std::vector<command>& commands) {
  return std::any_of(commands.begin(), commands.end(),
                     [](const command& c) { return c.flags->parsed() && c.follows && c.follows(); });
}

int print_failure(const failure& what, const std::string& who, bool as_json, std::ostream& out, std::ostream& err) {
  if (as_json) {
    out << printed({{"error", {{"code", what.code}, {"message", what.message}}}});
  } else {
    err << who << ": " << what.message << '\n';
  }
  return what.exit_code;
}

int print_outcome(const outcome& result, bool as_json, std::ostream& out) {
  if (as_json) {
    out << printed(result.report);
  } else {
    out << result.prose << (result.prose.empty() || result.prose.ends_with('\n') ? "" : "\n");
  }
  if (!out.flush()) {
    throw std::runtime_error("cannot write to standard output");
  }
  return result.exit_code;
}

/// A word as a shell reads it back.
std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view{"-_./,:=+@%"}.find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) {
    return word;
  }
  std::string safe = "'";
  for (const char c : word) {
    safe += c == '\'' ? std::string{"'\\''"} : std::string{c};
  }
  return safe + "'";
}

}  // namespace

std::string printed(nlohmann::json report) {
  stamp(report);
  // File names need not be UTF-8; a report that cannot be printed would be worse than a replaced character.
  return report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

std::string command_line_of(const CLI::App& flags) {
  std::string line = "redoubt " + flags.get_name();
  for (const CLI::Option* option : flags.get_options()) {
    if (option->count() == 0 || option->get_lnames().empty()) {
      continue;
    }
    line += " --" + option->get_lnames().front();
    for (const std::string& word : option->get_expected_max() > 0 ? option->results() : std::vector<std::string>{}) {
      line += ' ' + quoted(word);
    }
  }
  return line;
}

int run_shell(const std::vector<std::function<command(CLI::App&)>>& makers, int argc, const char* const* argv,
              std::ostream& out, std::ostream& err) {
  CLI::App root("Attacks image classifiers, measures and hardens their robustness, and notices when it falls.",
                "redoubt");
  root.set_version_flag("--version", std::string("redoubt ") + version + " (LibTorch " + TORCH_VERSION + ")");
  root.require_subcommand(1);
  std::vector<command> commands;
  for (const auto& make : makers) {
    commands.push_back(make(root));
    commands.back().flags->add_flag("--json")->description("print one JSON object instead of prose, for errors too");
  }
  // Known before parsing, for an error of parsing must obey it as well.
  const bool as_json =
      std::any_of(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--json"; });
  const auto report = [&](int exit_code, const char* code, const std::string& message) {
    const auto parsed = root.get_subcommands();
    const std::string who = parsed.empty() ? "redoubt" : "redoubt " + parsed.front()->get_name();
    return print_failure({exit_code, code, message}, who, as_json && !follows(commands), out, err);
  };
  try {
    root.parse(argc, argv);
    const outcome done = parsed_of(commands).run();
    return follows(commands) ? done.exit_code : print_outcome(done, as_json, out);
  } catch (const CLI::Success& asked) {  // --help, --version
    return root.exit(asked, out, err);
  } catch (const CLI::ParseError& error) {
    return report(2, "usage", usage_message(root, error));
  } catch (const interruption& error) {
    return report(error.exit_code(), "interrupted", one_line(error.what()));
  } catch (const std::invalid_argument& error) {
    return report(2, "usage", one_line(error.what()));
  } catch (const c10::Error& error) {
    return report(1, "failed", one_line(error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    return report(1, "failed", "out of memory");
  } catch (const std::exception& error) {
    return report(1, "failed", one_line(error.what()));
  }
}

}  // namespace redoubt::program
