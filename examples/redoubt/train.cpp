#include "attack_flags.hpp"
#include "command.hpp"
#include "fashion_net.hpp"
#include "files.hpp"
#include "interrupt.hpp"
#include "numbers.hpp"
#include "progress.hpp"
#include "typed_attack.hpp"

#include <torch/optim/adam.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iomanip>
#include <memory>
#include <redoubt/train/adversarial_trainer.hpp>
#include <sstream>
#include <utility>

namespace redoubt::program {
namespace {

namespace fs = std::filesystem;

struct settings {
  std::string data;
  std::string model;
  std::string out;
  std::string resume;
  attack_settings attack{.steps = 2};
  int epochs = 12;
  std::int64_t batch = 128;
  double learning_rate = 8e-3;
  double averaging = 0.999;
  int width = 1;
  std::string device = "cpu";
};

// The folder where a training keeps its checkpoint: the one to resume, or one named after the model to be.
fs::path checkpoint_folder(const settings& chosen) {
  return chosen.resume.empty() ? fs::path{chosen.out + ".checkpoint"} : fs::path{chosen.resume};
}

constexpr std::int64_t held_out_samples = 1000;

// The data set's last training samples are not learnt from: they show overfitting.
samples held_out_of(const samples& all) {
  require(all.count() > 2 * held_out_samples, "train: the data set has ", all.count(), " training samples; needs over ",
          2 * held_out_samples, ", as the last ", held_out_samples, " are held out");
  return all.part(all.count() - held_out_samples, held_out_samples);
}

std::string describe(const training_progress& now) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(3) << "epoch " << std::min(now.epoch + 1, now.epochs) << '/' << now.epochs
       << " · loss " << now.loss;
  return text.str();
}

nlohmann::json look_to_json(std::size_t epoch, const held_out_accuracy& seen) {
  return {
      {"epoch", epoch}, {"clean", seen.clean}, {"fgsm", seen.fgsm}, {"pgd", seen.pgd}, {"loss", seen.training_loss}};
}

template <class Trainer>
void train_to_the_end(Trainer& trainer, const fs::path& checkpoint) {
  const interrupt_watch watch;
  progress bar{"training", static_cast<double>(trainer.steps()), "steps"};
  while (!trainer.done()) {
    const training_progress now = trainer.step();
    bar.update(static_cast<double>(now.step), describe(now));
    if (interrupted()) {
      trainer.save(checkpoint.string());
      stop_interrupted("checkpoint kept in " + checkpoint.parent_path().string() + "; go on with --resume " +
                       checkpoint.parent_path().string());
    }
  }
  trainer.finish();
}

// In one go: Ctrl-C waits, as a half-written model would be left behind.
void save_and_forget(const script_model& model, const std::string& out, const fs::path& checkpoint) {
  const interrupt_watch watch;
  model.save(out);
  fs::remove(checkpoint);
}

outcome train(const settings& chosen) {
  const auto began = std::chrono::steady_clock::now();
  require_writable(chosen.out);
  const fs::path folder = checkpoint_folder(chosen);
  if (!chosen.resume.empty() && !fs::is_regular_file(folder / "checkpoint.pt")) {
    fail("--resume ", chosen.resume, ": holds no checkpoint.pt");
  }
  const at::Device device = input_settings{.device = chosen.device}.resolved_device();
  script_model model =
      chosen.model.empty() ? make_fashion_net(chosen.attack.seed, chosen.width) : script_model::load(chosen.model);
  model.to(device);
  model.train(true);  // a file may have been saved in eval mode
  const samples all = read_training_set(chosen.data);
  const samples held_out = held_out_of(all).scaled();
  const samples learnt = all.part(0, all.count() - held_out_samples);
  const used_folder place{folder};
  const std::string checkpoint = (place.path() / "checkpoint.pt").string();

  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{chosen.learning_rate}};
  const training_options options{.epochs = chosen.epochs,
                                 .batch = chosen.batch,
                                 .schedule = one_cycle{chosen.learning_rate},
                                 .averaging = chosen.averaging,
                                 .held_out = {held_out.images.to(device), held_out.labels.to(device)},
                                 .checkpoint = checkpoint,
                                 .seed = chosen.attack.seed};
  nlohmann::json json = chosen.attack.to_json();
  std::string finding;
  with_attack(chosen.attack, iterate::last, [&](const auto& attack) {
    adversarial_trainer trainer{
        model, attack, optimizer, {learnt.images.to(device), learnt.labels.to(device)}, options};
    if (!chosen.resume.empty()) {
      trainer.resume(checkpoint);
    }
    train_to_the_end(trainer, checkpoint);
    finding = name_of(trainer.finding());
    json["epochs"] = nlohmann::json::array();
    for (std::size_t i = 0; i < trainer.history().size(); ++i) {
      json["epochs"].push_back(look_to_json(i + 1, trainer.history()[i]));
    }
  });
  model.to(at::kCPU);
  save_and_forget(model, chosen.out, checkpoint);

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  json.update({{"out", chosen.out}, {"finding", finding}, {"seconds", seconds}, {"device", chosen.device}});
  std::ostringstream prose;
  const auto& last = json["epochs"].back();
  prose << "wrote " << chosen.out << " after " << chosen.epochs << " epochs, " << std::setprecision(3) << seconds
        << " s; held-out accuracy " << 100 * last["clean"].get<double>() << " % clean";
  if (chosen.attack.attack != "none") {
    prose << ", " << 100 * last["pgd"].get<double>() << " % under PGD-10";
  }
  prose << '\n';
  if (finding != "none") {
    prose << "warning: " << finding << " was noticed; the weights of the best epoch were kept\n";
  }
  return {.report = json, .prose = prose.str()};
}

}  // namespace

command make_train(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand("train", "train a model against an attack (--attack none: standard training)");
  flags->add_option("--data", chosen->data, "folder of the data set's four IDX files, gzipped or not")->required();
  flags->add_option("--model", chosen->model, "TorchScript file to start from [a new small CNN]");
  flags->add_option("--out", chosen->out, "where to write the model")->required();
  flags->add_option("--resume", chosen->resume, "folder of a checkpoint to go on from; the other flags as they were");
  add_training_attack_flags(*flags, chosen->attack);
  flags->add_option("--epochs", chosen->epochs)->check(CLI::Range(1, 100000))->capture_default_str();
  flags->add_option("--batch", chosen->batch, "samples a step")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str();
  flags->add_option("--lr", chosen->learning_rate, "peak of the one-cycle learning rate (Adam)")
      ->transform(number({.least = 0, .above = true}))
      ->capture_default_str();
  flags->add_option("--averaging", chosen->averaging, "decay of the weight average; 0: none")
      ->transform(number({.least = 0, .most = 0.999999}))
      ->capture_default_str();
  flags->add_option("--width", chosen->width, "of a new CNN: channels are multiplied by it")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  add_device_flag(*flags, chosen->device);
  return {flags, [chosen] { return train(*chosen); }};
}

}  // namespace redoubt::program
