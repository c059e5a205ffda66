#pragma once

#include "data.hpp"
#include "subject.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/evaluate/report.hpp>
#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace redoubt::program {

/// Which attack to run: the flags that evaluate, attack, train and gate share. `attack_list.hpp` makes it.
struct attack_settings {
  std::string attack = "pgd";  ///< a name, or several with commas between: each attacks what none before it fooled
  std::string norm = "linf";
  double eps = 0.1;
  double step = 0;  ///< 0: the larger of eps / 10 and 2.5 eps / steps; over l1 eps, over l0 twice the box
  int steps = 0;    ///< 0: the attack's own
  int restarts = 1;
  bool no_random_start = false;
  std::uint64_t seed = 0;
  std::vector<double> box = {0, 1};
  int queries = 0;         ///< 0: the attack's own
  bool fast = false;       ///< a fifth of what is the attack's own
  bool targeted = false;   ///< labels are those to reach
  bool unhurried = false;  ///< every sample gets every step, so that its example does not depend on its batch

  /// The attacks' names, in order.
  [[nodiscard]] std::vector<std::string> names() const;
  /// What was asked for, else `usual`, or with `fast` a fifth of that.
  [[nodiscard]] int resolved_steps(int usual = 40) const;
  [[nodiscard]] int resolved_queries(int usual) const;
  [[nodiscard]] double resolved_step(int usual_steps = 40) const;
  [[nodiscard]] redoubt::box resolved_box() const { return {box.at(0), box.at(1)}; }
  /// Name, norm, eps and the options as they will be used; those of several attacks by their names.
  [[nodiscard]] nlohmann::json to_json() const;
};

/// Which samples to read, and where and how to work on them.
struct input_settings {
  std::string images = {};
  std::string labels = {};
  std::int64_t limit = 0;
  std::int64_t batch = 256;
  std::string device = "cpu";
  std::vector<double> mean = {};  ///< of each channel, where the model wants its input normalised
  std::vector<double> deviation = {};
  int threads = 0;  ///< 0: as many as there are

  /// Throws std::invalid_argument for a device that this build or machine does not have.
  [[nodiscard]] at::Device resolved_device() const;
  /// All samples at once, scaled to floats and on the device.
  [[nodiscard]] samples read() const;
  /// The model of a TorchScript file on the device, in eval mode, behind the normalisation. Sets the threads.
  [[nodiscard]] subject load(const std::string& model) const;
  /// Mean and deviation, where the input is normalised: what belongs to the options of a report.
  [[nodiscard]] nlohmann::json normalisation() const;
};

/// The flags of every attack there is; their names and what each is stand at the end of the help.
void add_attack_flags(CLI::App& flags, attack_settings& settings);
/// The flags of the attacks that models are trained with: those that `with_attack` knows.
void add_training_attack_flags(CLI::App& flags, attack_settings& settings);
void add_input_flags(CLI::App& flags, input_settings& settings);
void add_seed_flag(CLI::App& flags, std::uint64_t& seed);
void add_device_flag(CLI::App& flags, std::string& device);

/// The robust accuracy of the model under the attack that the settings name, with a progress bar called `label`.
[[nodiscard]] robustness measure(const std::string& label, const attack_settings& settings, subject model,
                                 const samples& data, std::int64_t batch);

/// A robust accuracy as JSON: counts, accuracies with their intervals, each attack and class, zero gradients,
/// warnings, seconds.
[[nodiscard]] nlohmann::json to_json(const robustness& report);

}  // namespace redoubt::program
