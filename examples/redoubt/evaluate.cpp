#include "attack_flags.hpp"
#include "attack_list.hpp"
#include "command.hpp"
#include "curve.hpp"
#include "evaluation_report.hpp"
#include "files.hpp"
#include "gallery.hpp"
#include "interrupt.hpp"
#include "progress.hpp"
#include "shell.hpp"
#include "versions.hpp"

#include <ATen/ops/cat.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/evaluate/evaluation.hpp>
#include <redoubt/evaluate/state_file.hpp>
#include <redoubt/model/detail/archive.hpp>
#include <sstream>
#include <utility>

namespace redoubt::program {
namespace {

namespace fs = std::filesystem;

struct settings {
  std::string model;
  std::string out_samples;
  std::string report;
  std::string curve;
  std::string state;
  attack_settings attack;
  input_settings input;

  [[nodiscard]] std::vector<double> sizes() const {
    return report.empty() && curve.empty() ? std::vector<double>{} : curve_sizes(curve, attack);
  }
};

/// What an evaluation found, and the samples that its curve is of.
struct findings {
  robustness report;
  samples some;
  at::Tensor rows;  // of `some`
};

std::string samples_table(const robustness& report, const at::Tensor& labels) {
  const auto label = detail::vector_of<std::int64_t>(labels);
  const auto clean_correct = detail::vector_of<std::int64_t>(report.clean_correct);
  const auto robust_correct = detail::vector_of<std::int64_t>(report.robust_correct);
  std::ostringstream text;
  text << "row,label,clean_correct,robust_correct\n";
  for (std::size_t i = 0; i < label.size(); ++i) {
    text << i << ',' << label[i] << ',' << clean_correct[i] << ',' << robust_correct[i] << '\n';
  }
  return text.str();
}

/// What a saved state must agree on: another model or attack would go on from numbers that are not its own.
std::string identity(const settings& chosen) {
  nlohmann::json all = chosen.attack.to_json();
  all.update(chosen.input.normalisation());
  all["model"] = detail::crc32(read_whole(chosen.model));
  return all.dump();
}

/// Looks for Ctrl-C before each call of the model: a batch under a strong attack takes minutes.
void stop_between_calls(subject& model, const settings& chosen) {
  model.before_each_call([state = chosen.state] {
    if (!interrupted()) {
      return;
    }
    std::error_code none;
    const bool kept = !state.empty() && fs::exists(state, none);
    stop_interrupted(kept ? "state kept in " + state + "; the same command goes on from it" : "nothing was written");
  });
}

/// What the attacks had to do otherwise than their names say.
void warn_of_classes(robustness& report, const attack_settings& attack) {
  const std::vector<std::string> names = attack.names();
  if (report.per_class.size() == 2 && std::find(names.begin(), names.end(), "apgd-dlr") != names.end()) {
    report.warnings.emplace_back(
        "the model has 2 classes, for which the difference of logits ratio is not defined: apgd-dlr climbed the margin "
        "instead");
  }
}

findings evaluate_all(const settings& chosen, subject& model, const sample_source& data, gallery* seen) {
  progress bar{"attacking", static_cast<double>(data.count()), "images"};
  const evaluation_options options{.batch = chosen.input.batch,
                                   .progress = [&](std::int64_t done) { bar.update(static_cast<double>(done)); },
                                   .state = chosen.state.empty() ? evaluation_state{} : state_file(chosen.state),
                                   .identity = chosen.state.empty() ? std::string{} : identity(chosen),
                                   .probe = probe_of(chosen.attack),
                                   .name = chosen.attack.attack};
  evaluation all{watched_attack{attack_of(chosen.attack), chosen.attack.attack, seen}, model, options};
  const at::Device place = chosen.input.resolved_device();
  constexpr std::int64_t most = 500;
  std::vector<at::Tensor> images;
  std::vector<at::Tensor> rows;
  for (std::size_t i = 0; i < data.pieces(); ++i) {
    const samples piece = data.read(i);
    all.add(piece.images.to(place), piece.labels.to(place));
    if (!chosen.sizes().empty()) {
      rows.push_back(evenly_spaced(data.count(), most, data.first_row(i), piece.count()));
      images.push_back(piece.images.index_select(0, rows.back().sub(data.first_row(i))));
    }
  }
  findings found{.report = all.report(), .some = {}, .rows = {}};
  warn_of_classes(found.report, chosen.attack);
  if (!rows.empty()) {
    found.rows = at::cat(rows);
    found.some = {at::cat(images).to(place), data.labels().index_select(0, found.rows).to(place)};
  }
  return found;
}

measured with_interval(double value, const interval& exact) {
  return {value, exact.lower, exact.upper};
}

std::vector<std::pair<std::string, std::string>> told_options(const nlohmann::json& options) {
  std::vector<std::pair<std::string, std::string>> told;
  for (const auto& [name, value] : options.items()) {
    told.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return told;
}

evaluation_report described(const settings& chosen, const robustness& found, const nlohmann::json& options,
                            const std::string& command) {
  evaluation_report report{.model = chosen.model,
                           .images = chosen.input.images,
                           .labels = chosen.input.labels,
                           .attack = chosen.attack.attack,
                           .norm = chosen.attack.norm,
                           .eps = chosen.attack.eps,
                           .n = found.n,
                           .clean = with_interval(found.clean_accuracy, found.clean_interval),
                           .robust = with_interval(found.robust_accuracy, found.robust_interval),
                           .warnings = found.warnings,
                           .seconds = found.seconds,
                           .options = told_options(options),
                           .versions = made_with(),
                           .seed = chosen.attack.seed,
                           .command = command};
  for (const attack_tally& one : found.per_attack) {
    report.attacks.push_back({one.name, one.attacked, one.fooled, one.robust_accuracy, one.seconds});
  }
  for (const class_tally& one : found.per_class) {
    report.classes.push_back({static_cast<std::int64_t>(report.classes.size()), one.n, one.clean, one.robust});
  }
  return report;
}

nlohmann::json curve_json(const security_curve& curve) {
  nlohmann::json points = nlohmann::json::array();
  for (const curve_point& point : curve.points) {
    points.push_back({{"eps", point.eps},
                      {"accuracy", point.accuracy.value},
                      {"accuracy_ci95", {point.accuracy.low, point.accuracy.high}}});
  }
  return {{"attack", curve.attack}, {"samples", curve.samples}, {"seconds", curve.seconds}, {"points", points}};
}

security_curve measured_curve(const settings& chosen, subject& model, const findings& found) {
  progress bar{"accuracy over eps", 1};
  return measure_curve(chosen.attack, chosen.sizes(), model, found.some, found.rows, chosen.input.batch,
                       [&](double share) { bar.update(share); });
}

/// Everything that can be seen to fail before the work.
void require_outputs(const settings& chosen) {
  for (const std::string& file : {chosen.out_samples, chosen.state}) {
    if (!file.empty()) {
      require_writable(file);
    }
  }
  if (!chosen.report.empty()) {
    require_writable(fs::path{chosen.report} / "report.json");
    require_writable(fs::path{chosen.report} / "report.html");
  }
}

outcome evaluate(const settings& chosen, const std::string& command) {
  static_cast<void>(attack_of(chosen.attack));  // refused before anything is read
  const std::vector<double> sizes = chosen.sizes();
  if (!sizes.empty()) {
    static_cast<void>(attack_of(curve_attack(chosen.attack)));
  }
  std::optional<used_folder> folder;
  if (!chosen.report.empty()) {
    folder.emplace(chosen.report);
  }
  require_outputs(chosen);
  subject model = chosen.input.load(chosen.model);
  const sample_source data{chosen.input.images, chosen.input.labels, chosen.input.limit};
  const interrupt_watch watch;
  stop_between_calls(model, chosen);

  gallery seen;
  const findings found = evaluate_all(chosen, model, data, chosen.report.empty() ? nullptr : &seen);
  nlohmann::json json = to_json(found.report);
  json.update(chosen.attack.to_json());
  json["options"].update(chosen.input.normalisation());
  json["device"] = chosen.input.device;
  evaluation_report report = described(chosen, found.report, json["options"], command);
  if (!sizes.empty()) {
    report.curve = measured_curve(chosen, model, found);
    json["security_curve"] = curve_json(*report.curve);
  }
  if (!chosen.report.empty()) {
    const at::Device place = chosen.input.resolved_device();
    seen.hang([&](const at::Tensor& x) { return model(x.to(place)); }, chosen.attack.resolved_box(), report);
    write_whole(folder->path() / "report.html", evaluation_page(report));
    write_whole(folder->path() / "report.json", printed(json));
  }
  if (!chosen.out_samples.empty()) {
    write_whole(chosen.out_samples, samples_table(found.report, data.labels()));
  }
  if (!chosen.state.empty()) {
    fs::remove(chosen.state);
  }
  std::string prose = evaluation_table(report);
  prose += chosen.report.empty() ? "" : "report: " + (folder->path() / "report.html").string() + '\n';
  return {.report = json, .prose = prose};
}

}  // namespace

command make_evaluate(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand("evaluate", "measure a model's accuracy, clean and under attack");
  flags->add_option("--model", chosen->model, "TorchScript file")->required();
  add_input_flags(*flags, chosen->input);
  add_attack_flags(*flags, chosen->attack);
  flags->add_option("--out-samples", chosen->out_samples, "write each sample's outcome to this CSV file");
  flags->add_option("--report", chosen->report, "folder for report.html and report.json (what --json prints)");
  flags->add_option("--curve", chosen->curve,
                    "sizes of perturbation, with commas between, for a curve of accuracy over eps by a cheaper attack "
                    "on at most 500 samples; off: none [with --report: from 0 to twice eps]");
  flags->add_option("--state", chosen->state,
                    "file that keeps what is known after each batch: after Ctrl-C the same command goes on from it; it "
                    "goes once the work is done");
  return {flags, [chosen, flags] { return evaluate(*chosen, command_line_of(*flags)); }};
}

}  // namespace redoubt::program
