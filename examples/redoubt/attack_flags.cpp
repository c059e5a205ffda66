#include "attack_flags.hpp"

#include "interrupt.hpp"
#include "numbers.hpp"
#include "progress.hpp"

#include <ATen/Context.h>

#include <algorithm>

namespace redoubt::program {

double attack_settings::resolved_step() const {
  return step > 0 ? step : std::max(eps / 10, 2.5 * eps / std::max(steps, 1));
}

nlohmann::json attack_settings::to_json() const {
  nlohmann::json options = {{"box", box}};
  if (attack == "pgd") {
    options.update({{"step", resolved_step()},
                    {"steps", steps},
                    {"restarts", restarts},
                    {"random_start", !no_random_start},
                    {"loss", "cross_entropy"}});
  }
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

void add_attack_flags(CLI::App& flags, attack_settings& settings) {
  flags.add_option("--attack", settings.attack, "the attack")
      ->check(CLI::IsMember({"none", "fgsm", "pgd"}))
      ->capture_default_str();
  flags.add_option("--norm", settings.norm, "the norm that bounds the perturbation")
      ->check(CLI::IsMember({"linf", "l2"}))
      ->capture_default_str();
  flags.add_option("--eps", settings.eps, "largest perturbation, in units of the input; 8/255 will do")
      ->transform(number({.least = 0}))
      ->capture_default_str();
  flags.add_option("--step", settings.step, "pgd: length of a step [the larger of eps/10 and 2.5 eps/steps]")
      ->transform(number({.least = 0, .above = true}));
  flags.add_option("--steps", settings.steps, "pgd: gradient steps")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  flags.add_option("--restarts", settings.restarts, "pgd: independent runs")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  flags.add_flag("--no-random-start", settings.no_random_start, "pgd: begin at the clean input: no randomness at all");
  add_seed_flag(flags, settings.seed);
  flags.add_option("--box", settings.box, "smallest and largest legal input value")
      ->expected(2)
      ->transform(number())
      ->capture_default_str();
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
  add_device_flag(flags, settings.device);
}

robustness measure(const std::string& label, const attack_settings& settings, script_model& model, const samples& data,
                   std::int64_t batch) {
  const interrupt_watch watch;
  progress bar{label, static_cast<double>(data.count()), "images"};
  const evaluation_options options{.batch = batch, .progress = [&](std::int64_t done) {
                                     bar.update(static_cast<double>(done));
                                     if (interrupted()) {
                                       stop_interrupted("nothing was written");
                                     }
                                   }};
  return with_attack(settings, iterate::best, [&](const auto& attack) {
    return robust_accuracy(attack, model, data.images, data.labels, options);
  });
}

nlohmann::json to_json(const robustness& report) {
  const auto pair = [](const interval& i) { return nlohmann::json{i.lower, i.upper}; };
  return {{"n", report.n},
          {"clean_accuracy", report.clean_accuracy},
          {"clean_accuracy_ci95", pair(report.clean_interval)},
          {"robust_accuracy", report.robust_accuracy},
          {"robust_accuracy_ci95", pair(report.robust_interval)},
          {"n_nan", report.n_nan},
          {"seconds", report.seconds},
          {"zero_gradient_samples", report.zero_gradient_samples},
          {"warnings", report.warnings}};
}

}  // namespace redoubt::program
