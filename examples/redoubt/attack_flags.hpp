#pragma once

#include "data.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/model/script.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <string>

namespace redoubt::program {

/// Which attack to run: the flags that evaluate, attack, train and gate share.
struct attack_settings {
  std::string attack = "pgd";
  std::string norm = "linf";
  double eps = 0.1;
  double step = 0;  ///< 0: the larger of eps / 10 and 2.5 eps / steps
  int steps = 40;
  int restarts = 1;
  bool no_random_start = false;
  std::uint64_t seed = 0;
  std::vector<double> box = {0, 1};

  [[nodiscard]] double resolved_step() const;
  /// Name, norm, eps and the options as they will be used.
  [[nodiscard]] nlohmann::json to_json() const;
};

/// Which samples to read, and where to work on them.
struct input_settings {
  std::string images = {};
  std::string labels = {};
  std::int64_t limit = 0;
  std::int64_t batch = 256;
  std::string device = "cpu";

  /// Throws std::invalid_argument for a device that this build or machine does not have.
  [[nodiscard]] at::Device resolved_device() const;
  /// The samples, scaled to floats and on the device.
  [[nodiscard]] samples read() const;
};

void add_attack_flags(CLI::App& flags, attack_settings& settings);
void add_input_flags(CLI::App& flags, input_settings& settings);
void add_seed_flag(CLI::App& flags, std::uint64_t& seed);
void add_device_flag(CLI::App& flags, std::string& device);

/// Calls `use` with the attack that the settings name, its own type: no_attack, fgsm or pgd over linf or l2.
template <class Use>
auto with_attack(const attack_settings& settings, iterate keep, Use use) {
  const redoubt::box box{settings.box.at(0), settings.box.at(1)};
  const auto over = [&](const auto& ball) {
    if (settings.attack == "fgsm") {
      return use(fgsm{ball, {.box = box, .seed = settings.seed}});
    }
    return use(pgd{ball,
                   {.step = settings.resolved_step(),
                    .steps = settings.steps,
                    .random_start = !settings.no_random_start,
                    .restarts = settings.restarts,
                    .box = box,
                    .seed = settings.seed,
                    .keep = keep,
                    .drop_fooled = keep == iterate::best}});
  };
  if (settings.attack == "none") {
    return use(no_attack{});
  }
  if (settings.norm == "l2") {
    return over(l2{.radius = settings.eps});
  }
  return over(linf{.radius = settings.eps});
}

/// The robust accuracy of the model under the attack that the settings name, with a progress bar called `label`.
[[nodiscard]] robustness measure(const std::string& label, const attack_settings& settings, script_model& model,
                                 const samples& data, std::int64_t batch);

/// A robust accuracy as JSON: counts, accuracies with their intervals, zero gradients, warnings, seconds.
[[nodiscard]] nlohmann::json to_json(const robustness& report);

}  // namespace redoubt::program
