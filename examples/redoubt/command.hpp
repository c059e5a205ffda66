#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace CLI {
class App;
}  // namespace CLI

namespace redoubt::program {

/// What a subcommand leaves: one JSON object for `--json`, the same as prose for a reader, and the exit code.
struct outcome {
  nlohmann::json report;
  std::string prose;
  int exit_code = 0;  ///< 0 done, 3 a gate refused; errors are exceptions
};

/// A subcommand: its flags, and what runs once they are parsed.
struct command {
  CLI::App* flags = nullptr;
  std::function<outcome()> run;
  std::function<bool()> follows = {};  ///< whether another process of the same work prints what it leaves; empty: no
};

/// Each adds its subcommand to `root` and lives in a file of its own, flags beside the work.
command make_loop(CLI::App& root);
command make_report(CLI::App& root);
command make_train(CLI::App& root);
command make_evaluate(CLI::App& root);
command make_attack(CLI::App& root);
command make_detect(CLI::App& root);
command make_gate(CLI::App& root);
command make_serve(CLI::App& root);
command make_monitor(CLI::App& root);

}  // namespace redoubt::program
