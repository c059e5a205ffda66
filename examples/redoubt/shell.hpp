#pragma once

#include "command.hpp"

#include <functional>
#include <iosfwd>
#include <vector>

namespace redoubt::program {

/// A report as `--json` prints it: with "schema", "version", "torch", "device" and "seed" where it has none of its own.
[[nodiscard]] std::string printed(nlohmann::json report);

/// The command line that sets a subcommand's flags as they were set.
[[nodiscard]] std::string command_line_of(const CLI::App& flags);

/// Parses the command line, runs the subcommand it names and reports: prose, or with `--json` one JSON object.
///
/// Returns the exit code: 0 done, 1 the work failed, 2 wrong usage (a flag, or std::invalid_argument from the work),
/// 3 a gate refused, 130 / 143 interrupted with a checkpoint kept. An error is one line on `err`, or with `--json` an
/// object {"error": {"code", "message"}} on `out` whose code is "usage", "failed" or "interrupted".
/// Every object carries "schema", "version", "torch", "device" and "seed"; a subcommand's own values win.
int run_shell(const std::vector<std::function<command(CLI::App&)>>& makers, int argc, const char* const* argv,
              std::ostream& out, std::ostream& err);

}  // namespace redoubt::program
