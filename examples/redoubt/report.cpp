#include "command.hpp"
#include "files.hpp"
#include "report_page.hpp"
#include "report_reading.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <redoubt/core/error.hpp>

namespace redoubt::program {
namespace {

struct settings {
  std::string from;
  std::string out;
};

outcome report(const settings& chosen) {
  const std::filesystem::path folder = chosen.out;
  nlohmann::json json = nlohmann::json::parse(read_whole(chosen.from), nullptr, /*allow_exceptions=*/false);
  require(!json.is_discarded(), chosen.from, " is no JSON");
  const loop_report read = read_report(json);
  std::filesystem::create_directories(folder);
  write_whole(folder / "report.html", report_page(read));
  write_whole(folder / "accuracy.svg", accuracy_picture(read));
  const std::string table = report_table(read) + "\nreport: " + (folder / "report.html").string() + '\n';
  return {.report = std::move(json), .prose = table};
}

}  // namespace

command make_report(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand("report", "draw the page of a closed loop from its report.json");
  flags->add_option("--from", chosen->from, "report.json, as `redoubt loop` writes it")->required();
  flags->add_option("--out", chosen->out, "folder for report.html and accuracy.svg")->required();
  return {flags, [chosen] { return report(*chosen); }};
}

}  // namespace redoubt::program
