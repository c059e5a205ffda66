#include "attack_flags.hpp"
#include "closed_loop.hpp"
#include "command.hpp"
#include "files.hpp"
#include "interrupt.hpp"
#include "report_page.hpp"
#include "versions.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

namespace redoubt::program {
namespace {

struct settings {
  std::string data;
  std::string report = "redoubt-loop";
  bool full = false;
  std::uint64_t seed = 1;
};

void describe_run(loop_report& report, const settings& chosen) {
  report.class_names = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                        "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  report.versions = made_with();
  report.command = "redoubt loop --data DIR --seed " + std::to_string(chosen.seed) + (chosen.full ? " --full" : "");
}

outcome loop(const settings& chosen) {
  const std::filesystem::path folder = chosen.report;
  const samples training = read_training_set(chosen.data);
  const samples test = read_test_set(chosen.data);
  std::filesystem::create_directories(folder);
  require_writable(folder / "report.json");
  loop_plan plan = chosen.full ? loop_plan::full() : loop_plan{};
  plan.seed = chosen.seed;

  loop_result result = run_closed_loop(plan, training, test);
  describe_run(result.report, chosen);
  nlohmann::json json = report_json(result.report);
  const interrupt_watch whole;  // Ctrl-C waits until all is written
  result.standard.save((folder / "standard.pt").string());
  if (result.hardened) {
    result.hardened->save((folder / "hardened.pt").string());
  }
  write_whole(folder / "report.html", report_page(result.report));
  write_whole(folder / "accuracy.svg", accuracy_picture(result.report));
  write_whole(folder / "report.json", json.dump(2) + '\n');
  const std::string table = report_table(result.report) + "\nreport: " + (folder / "report.html").string() + '\n';
  return {.report = std::move(json), .prose = table, .exit_code = result.report.deployed_at ? 0 : 3};
}

}  // namespace

command make_loop(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand(
      "loop", "the closed loop in one process: serve, attack, detect, harden, gate, deploy, recover");
  flags->add_option("--data", chosen->data, "folder of Fashion-MNIST's four IDX files, gzipped or not")->required();
  flags->add_option("--report", chosen->report, "folder for report.html, report.json, accuracy.svg and the two models")
      ->capture_default_str();
  flags->add_flag("--full", chosen->full, "harden a larger network for longer, up to half an hour");
  add_seed_flag(*flags, chosen->seed);
  return {flags, [chosen] { return loop(*chosen); }};
}

}  // namespace redoubt::program
