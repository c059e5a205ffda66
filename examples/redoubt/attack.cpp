#include "attack_flags.hpp"
#include "command.hpp"
#include "files.hpp"
#include "interrupt.hpp"
#include "progress.hpp"

#include <memory>
#include <sstream>

namespace redoubt::program {
namespace {

struct settings {
  std::string model;
  std::string out;
  attack_settings attack;
  input_settings input;
};

/// The same attack, with all its steps for every sample: when work on one stops early must not depend on its batch.
template <class Attack>
Attack unhurried(Attack attack) {
  if constexpr (requires { attack.options.drop_fooled; }) {
    attack.options.drop_fooled = false;
  }
  return attack;
}

outcome attack(const settings& chosen) {
  require_writable(chosen.out);
  script_model model = script_model::load(chosen.model, chosen.input.resolved_device());
  const samples data = chosen.input.read();
  model.train(false);
  at::Tensor adversarial = data.images.new_empty(data.images.sizes());
  const at::Tensor rows = row_numbers(data.count(), data.labels);
  with_attack(chosen.attack, iterate::best, [&](const auto& named) {
    const auto attack = unhurried(named);
    const interrupt_watch watch;
    progress bar{"attacking", static_cast<double>(data.count()), "images"};
    for (std::int64_t first = 0; first < data.count(); first += chosen.input.batch) {
      const std::int64_t count = std::min(chosen.input.batch, data.count() - first);
      const samples part = data.part(first, count);
      adversarial.narrow(0, first, count).copy_(attack(model, part.images, part.labels, rows.narrow(0, first, count)));
      bar.update(static_cast<double>(first + count));
      if (interrupted()) {
        stop_interrupted("nothing was written");
      }
    }
  });
  const double clean = accuracy(model, data.images, data.labels, chosen.input.batch);
  const double attacked = accuracy(model, adversarial, data.labels, chosen.input.batch);
  write_tensor(chosen.out, adversarial);

  nlohmann::json json = chosen.attack.to_json();
  json.update({{"n", data.count()},
               {"clean_accuracy", clean},
               {"adversarial_accuracy", attacked},
               {"out", chosen.out},
               {"device", chosen.input.device}});
  std::ostringstream prose;
  prose << "wrote " << data.count() << " adversarial examples to " << chosen.out << "; accuracy " << 100 * clean
        << " % -> " << 100 * attacked << " %\n";
  return {.report = json, .prose = prose.str()};
}

}  // namespace

command make_attack(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand("attack", "make adversarial examples of images and save them");
  flags->add_option("--model", chosen->model, "TorchScript file")->required();
  add_input_flags(*flags, chosen->input);
  add_attack_flags(*flags, chosen->attack);
  flags->add_option("--out", chosen->out, "where to write them: a tensor that torch.load reads")->required();
  return {flags, [chosen] { return attack(*chosen); }};
}

}  // namespace redoubt::program
