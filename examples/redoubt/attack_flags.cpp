#include "attack_flags.hpp"

#include "attack_list.hpp"
#include "interrupt.hpp"
#include "numbers.hpp"
#include "progress.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <sstream>
#include <utility>

namespace redoubt::program {
namespace {

void add_ball_flags(CLI::App& flags, attack_settings& settings, const std::vector<std::string>& norms) {
  flags.add_option("--norm", settings.norm, "the norm that bounds the perturbation")
      ->check(CLI::IsMember(norms))
      ->capture_default_str();
  flags
      .add_option("--eps", settings.eps,
                  "largest perturbation, in units of the input (8/255 will do); over l0 how many elements may change")
      ->transform(number({.least = 0}))
      ->capture_default_str();
  add_seed_flag(flags, settings.seed);
  flags.add_option("--box", settings.box, "smallest and largest legal input value")
      ->expected(2)
      ->transform(number())
      ->capture_default_str();
}

void add_pgd_flags(CLI::App& flags, attack_settings& settings, const std::string& who, const std::string& steps) {
  flags
      .add_option(
          "--step", settings.step,
          who + ": length of a step [the larger of eps/10 and 2.5 eps/steps; over l1 eps, over l0 twice the box]")
      ->transform(number({.least = 0, .above = true}));
  flags.add_option("--steps", settings.steps, steps)->check(CLI::Range(1, 1000000));
  flags.add_option("--restarts", settings.restarts, "independent runs, the later ones on what is not fooled yet")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  flags.add_flag("--no-random-start", settings.no_random_start, "pgd: begin at the clean input: no randomness at all");
}

std::string padded(std::string words, std::size_t columns) {
  words.resize(std::max(words.size() + 1, columns), ' ');
  return words;
}

}  // namespace

std::vector<std::string> attack_settings::names() const {
  std::vector<std::string> all;
  std::istringstream list{attack};
  for (std::string name; std::getline(list, name, ',');) {
    all.push_back(name);
  }
  return all;
}

int attack_settings::resolved_steps(int usual) const {
  return steps > 0 ? steps : fast ? std::max(1, usual / 5) : usual;
}

int attack_settings::resolved_queries(int usual) const {
  return queries > 0 ? queries : fast ? std::max(1, usual / 5) : usual;
}

double attack_settings::resolved_step(int usual_steps) const {
  if (step > 0) {
    return step;
  }
  if (norm == "l1") {  // l1's step moves many elements at first and few at last: a radius together, each time
    return eps;
  }
  if (norm == "l0") {  // where eps is no length; shorter steps lose to what the random start moved
    return 2 * (box.at(1) - box.at(0));
  }
  return std::max(eps / 10, 2.5 * eps / resolved_steps(usual_steps));
}

nlohmann::json attack_settings::to_json() const {
  nlohmann::json options = nlohmann::json::object();
  const std::vector<std::string> all = names();
  for (const std::string& name : all) {
    const nlohmann::json own = attack_kind_of(name).options(*this);
    all.size() == 1 ? options.update(own) : options[name].update(own);
  }
  options["box"] = box;
  return {{"attack", attack}, {"norm", norm}, {"eps", eps}, {"seed", seed}, {"options", options}};
}

at::Device input_settings::resolved_device() const {
  try {
    at::Device chosen{device};
    if (chosen.is_cpu()) {
      return chosen;
    }
    require(chosen.is_cuda(), "--device: cpu or cuda[:i], got ", device);
    require(at::globalContext().hasCUDA(), "--device ", device,
            ": no GPU can be used (this build has no CUDA, or the driver shows no device); use --device cpu");
    return chosen;
  } catch (const c10::Error&) {
    throw std::invalid_argument("--device: cpu or cuda[:i], got " + device);
  }
}

samples input_settings::read() const {
  const samples data = read_samples(images, labels, limit).scaled();
  const at::Device place = resolved_device();
  return {data.images.to(place), data.labels.to(place)};
}

subject input_settings::load(const std::string& model) const {
  if (threads > 0) {
    at::set_num_threads(threads);
  }
  const script_model loaded = script_model::load(model, resolved_device());
  loaded.train(false);
  // Gradients are asked for with respect to the input alone: 6 % cheaper where the parameters want none.
  for (const at::Tensor& each : loaded.parameters()) {
    each.requires_grad_(false);
  }
  return {loaded, mean, deviation};
}

nlohmann::json input_settings::normalisation() const {
  return mean.empty() ? nlohmann::json::object() : nlohmann::json{{"mean", mean}, {"std", deviation}};
}

void add_attack_flags(CLI::App& flags, attack_settings& settings) {
  std::vector<std::string> norms;
  std::string list = "attacks, with the norms they go with:\n";
  for (const attack_kind& one : attack_kinds()) {
    std::string goes_with;
    for (const std::string& norm : one.norms) {
      goes_with += (goes_with.empty() ? "" : " ") + norm;
      if (std::find(norms.begin(), norms.end(), norm) == norms.end()) {
        norms.push_back(norm);
      }
    }
    list += "  " + padded(one.name, 10) + padded(goes_with, 16) + one.words + '\n';
  }
  flags.footer(list);
  const auto known = [](const std::string& words) {
    try {
      for (const std::string& name : attack_settings{.attack = words}.names()) {
        static_cast<void>(attack_kind_of(name));
      }
      return std::string{};
    } catch (const std::invalid_argument& error) {
      return std::string{error.what()};
    }
  };
  flags
      .add_option("--attack", settings.attack,
                  "one of those below, or several with commas between: each attacks what none before it has fooled")
      ->check(known)
      ->capture_default_str();
  add_ball_flags(flags, settings, norms);
  add_pgd_flags(flags, settings, "pgd, spsa", "gradient steps a restart [the attack's own]");
  flags
      .add_option("--queries", settings.queries,
                  "square, auto: how often the model may be asked of a sample [the attack's own]")
      ->check(CLI::Range(1, 1000000000));
  flags.add_flag("--fast", settings.fast,
                 "a rough first look: a fifth of the steps and queries that an attack takes by itself; those given by "
                 "--steps and --queries stay");
}

void add_training_attack_flags(CLI::App& flags, attack_settings& settings) {
  flags.add_option("--attack", settings.attack, "the attack")
      ->check(CLI::IsMember({"none", "fgsm", "pgd"}))
      ->capture_default_str();
  add_ball_flags(flags, settings, {"linf", "l2"});
  add_pgd_flags(flags, settings, "pgd", "pgd: gradient steps [" + std::to_string(settings.resolved_steps()) + ']');
}

void add_seed_flag(CLI::App& flags, std::uint64_t& seed) {
  const auto not_negative = [](const std::string& text) {
    return text.starts_with('-') ? text + " is too small: it must be >= 0" : std::string();
  };
  flags.add_option("--seed", seed, "of every random draw")
      ->check(not_negative)  // CLI11 would wrap it around
      ->capture_default_str();
}

void add_device_flag(CLI::App& flags, std::string& device) {
  flags.add_option("--device", device, "cpu or cuda[:i]")->capture_default_str();
}

void add_input_flags(CLI::App& flags, input_settings& settings) {
  flags
      .add_option("--images", settings.images,
                  "IDX file (.gz or not), a tensor saved by torch.save, or a folder of such .pt files; [N, C, H, W], "
                  "uint8 (divided by 255) or floating point")
      ->required();
  flags.add_option("--labels", settings.labels, "whole numbers [N], in the same kinds of file")->required();
  flags.add_option("--limit", settings.limit, "use the first so many samples; 0: all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 60))
      ->capture_default_str();
  flags.add_option("--batch", settings.batch, "samples a batch; changes no result")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30))
      ->capture_default_str();
  flags.add_option("--mean", settings.mean, "of each channel, for a model whose input is to be normalised: 0.49,0.48")
      ->delimiter(',')
      ->transform(number());
  flags.add_option("--std", settings.deviation, "of each channel; the model sees (x - mean) / std")
      ->delimiter(',')
      ->transform(number({.least = 0, .above = true}));
  flags.add_option("--threads", settings.threads, "CPU threads [all cores]")->check(CLI::Range(1, 4096));
  add_device_flag(flags, settings.device);
}

robustness measure(const std::string& label, const attack_settings& settings, subject model, const samples& data,
                   std::int64_t batch) {
  const interrupt_watch watch;
  progress bar{label, static_cast<double>(data.count()), "images"};
  model.before_each_call([] {
    if (interrupted()) {
      stop_interrupted("nothing was written");
    }
  });
  const evaluation_options options{.batch = batch,
                                   .progress = [&](std::int64_t done) { bar.update(static_cast<double>(done)); }};
  return robust_accuracy(attack_of(settings), model, data.images, data.labels, options);
}

nlohmann::json to_json(const robustness& report) {
  const auto pair = [](const interval& i) { return nlohmann::json{i.lower, i.upper}; };
  nlohmann::json attacks = nlohmann::json::array();
  for (const attack_tally& one : report.per_attack) {
    attacks.push_back({{"attack", one.name},
                       {"attacked", one.attacked},
                       {"fooled", one.fooled},
                       {"robust_accuracy", one.robust_accuracy},
                       {"seconds", one.seconds}});
  }
  nlohmann::json classes = nlohmann::json::array();
  for (const class_tally& one : report.per_class) {
    const auto share = [&](std::int64_t part) {
      return one.n > 0 ? nlohmann::json(static_cast<double>(part) / static_cast<double>(one.n)) : nlohmann::json();
    };
    classes.push_back({{"class", classes.size()},
                       {"n", one.n},
                       {"clean_accuracy", share(one.clean)},
                       {"robust_accuracy", share(one.robust)}});
  }
  nlohmann::json json = {{"n", report.n},
                         {"clean_accuracy", report.clean_accuracy},
                         {"clean_accuracy_ci95", pair(report.clean_interval)},
                         {"robust_accuracy", report.robust_accuracy},
                         {"robust_accuracy_ci95", pair(report.robust_interval)},
                         {"per_attack", attacks},
                         {"per_class", classes},
                         {"n_nan", report.n_nan},
                         {"seconds", report.seconds},
                         {"zero_gradient_samples", report.zero_gradient_samples},
                         {"warnings", report.warnings}};
  if (const health_report& health = report.health; health.samples > 0) {
    json["gradient_health"] = {
        {"samples", health.samples}, {"zero_gradients", health.zero_gradients}, {"saturated", health.saturated},
        {"fgsm", health.fgsm},       {"fgsm_half", health.fgsm_half},           {"fgsm_quarter", health.fgsm_quarter},
        {"pgd", health.pgd},         {"restarted", health.restarted},           {"queried", health.queried},
        {"cosine", health.cosine},   {"randomised", health.randomised}};
  }
  return json;
}

}  // namespace redoubt::program
