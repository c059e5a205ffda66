#include "attack_flags.hpp"
#include "command.hpp"
#include "files.hpp"

#include <memory>
#include <sstream>

namespace redoubt::program {
namespace {

struct settings {
  std::string model;
  std::string out_samples;
  attack_settings attack;
  input_settings input;
};

std::string samples_table(const robustness& report, const at::Tensor& labels) {
  const at::Tensor y = labels.to(at::kCPU);
  const at::Tensor clean = report.clean_correct.to(at::kCPU);
  const at::Tensor robust = report.robust_correct.to(at::kCPU);
  std::ostringstream text;
  text << "row,label,clean_correct,robust_correct\n";
  for (std::int64_t i = 0; i < report.n; ++i) {
    text << i << ',' << y[i].item<std::int64_t>() << ',' << clean[i].item<bool>() << ',' << robust[i].item<bool>()
         << '\n';
  }
  return text.str();
}

std::string as_prose(const robustness& report, const attack_settings& attack) {
  const auto percent = [](double share) { return 100 * share; };
  std::ostringstream text;
  text.precision(2);
  text << std::fixed << "clean accuracy  " << percent(report.clean_accuracy)
       << " %  (95 %: " << percent(report.clean_interval.lower) << " to " << percent(report.clean_interval.upper)
       << ")\n";
  if (attack.attack != "none") {
    text << "robust accuracy " << percent(report.robust_accuracy)
         << " %  (95 %: " << percent(report.robust_interval.lower) << " to " << percent(report.robust_interval.upper)
         << ")  under " << attack.attack << ", " << attack.norm << " <= ";
    text.unsetf(std::ios::floatfield);
    text.precision(6);
    text << attack.eps << '\n';
  }
  text.precision(3);
  text << report.n << " samples, " << report.seconds << " s\n";
  for (const std::string& warning : report.warnings) {
    text << "warning: " << warning << '\n';
  }
  return text.str();
}

outcome evaluate(const settings& chosen) {
  if (!chosen.out_samples.empty()) {
    require_writable(chosen.out_samples);
  }
  script_model model = script_model::load(chosen.model, chosen.input.resolved_device());
  const samples data = chosen.input.read();
  const robustness report = measure("attacking", chosen.attack, model, data, chosen.input.batch);
  if (!chosen.out_samples.empty()) {
    write_whole(chosen.out_samples, samples_table(report, data.labels));
  }
  nlohmann::json json = to_json(report);
  json.update(chosen.attack.to_json());
  json["device"] = chosen.input.device;
  json["per_attack"] = nlohmann::json::array(
      {{{"attack", chosen.attack.attack}, {"robust_accuracy", report.robust_accuracy}, {"seconds", report.seconds}}});
  return {.report = json, .prose = as_prose(report, chosen.attack)};
}

}  // namespace

command make_evaluate(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand("evaluate", "measure a model's accuracy, clean and under attack");
  flags->add_option("--model", chosen->model, "TorchScript file")->required();
  add_input_flags(*flags, chosen->input);
  add_attack_flags(*flags, chosen->attack);
  flags->add_option("--out-samples", chosen->out_samples, "write each sample's outcome to this CSV file");
  return {flags, [chosen] { return evaluate(*chosen); }};
}

}  // namespace redoubt::program
