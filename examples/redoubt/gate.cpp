#include "attack_flags.hpp"
#include "command.hpp"
#include "files.hpp"
#include "numbers.hpp"
#include "shell.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <redoubt/watch/gate.hpp>

namespace redoubt::program {
namespace {

struct settings {
  std::string candidate;
  std::string baseline;
  attack_settings attack;
  input_settings input;
  gate_options gate;
  std::string promote_to;
  std::string verdict;
};

// Puts the candidate in the place of what serves, which is kept beside it for the way back.
void promote(const std::string& candidate, const std::string& place) {
  const std::string bytes = read_whole(candidate);
  if (std::filesystem::exists(place)) {
    write_whole(place + ".previous", read_whole(place));
  }
  write_whole(place, bytes);
}

outcome gate(const settings& chosen) {
  for (const std::string& file : {chosen.promote_to, chosen.verdict}) {
    if (!file.empty()) {
      require_writable(file);
    }
  }
  const subject candidate = chosen.input.load(chosen.candidate);
  const subject baseline = chosen.input.load(chosen.baseline);
  const samples data = chosen.input.read();
  const robustness ours = measure("candidate", chosen.attack, candidate, data, chosen.input.batch);
  const robustness theirs = measure("baseline", chosen.attack, baseline, data, chosen.input.batch);
  const gate_decision decision = decide(ours, theirs, chosen.gate);

  nlohmann::json json = chosen.attack.to_json();
  json.update({{"verdict", decision.promote ? "promote" : "refuse"},
               {"reasons", decision.reasons},
               {"candidate", to_json(ours)},
               {"baseline", to_json(theirs)},
               {"device", chosen.input.device}});
  std::string prose = decision.promote ? "promote\n" : "refuse\n";
  for (const std::string& reason : decision.reasons) {
    prose += "  " + reason + '\n';
  }
  if (decision.promote && !chosen.promote_to.empty()) {
    promote(chosen.candidate, chosen.promote_to);
    json["promoted_to"] = chosen.promote_to;
    prose += "wrote " + chosen.promote_to + '\n';
  }
  if (!chosen.verdict.empty()) {
    write_whole(chosen.verdict, printed(json));
  }
  return {.report = json, .prose = prose, .exit_code = decision.promote ? 0 : 3};
}

}  // namespace

command make_gate(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags =
      root.add_subcommand("gate", "decide whether a model may replace another; exit code 3 where it may not");
  flags->add_option("--candidate", chosen->candidate, "TorchScript file of the model that wants in")->required();
  flags->add_option("--baseline", chosen->baseline, "TorchScript file of the model that serves")->required();
  add_input_flags(*flags, chosen->input);
  add_attack_flags(*flags, chosen->attack);
  flags->add_option("--max-clean-drop", chosen->gate.largest_clean_drop, "how far clean accuracy may fall")
      ->transform(number({.least = 0, .most = 1}))
      ->capture_default_str();
  flags->add_option("--min-robust-gain", chosen->gate.smallest_robust_gain, "how far robust accuracy must rise")
      ->transform(number({.least = 0, .most = 1}))
      ->capture_default_str();
  flags->add_option("--promote-to", chosen->promote_to,
                    "file that the candidate replaces where it may; what was there is kept as FILE.previous");
  flags->add_option("--verdict", chosen->verdict, "file that gets the verdict as JSON, as --json prints it");
  return {flags, [chosen] { return gate(*chosen); }};
}

}  // namespace redoubt::program
