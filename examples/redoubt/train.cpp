#include "attack_flags.hpp"
#include "command.hpp"
#include "fashion_net.hpp"
#include "files.hpp"
#include "interrupt.hpp"
#include "numbers.hpp"
#include "progress.hpp"
#include "trainer_status.hpp"
#include "typed_attack.hpp"

#include <torch/optim/adam.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <redoubt/distributed/resume.hpp>
#include <redoubt/distributed/share.hpp>
#include <redoubt/distributed/weights.hpp>
#include <redoubt/train/adversarial_trainer.hpp>
#include <sstream>
#include <string_view>
#include <utility>

namespace redoubt::program {
namespace {

namespace fs = std::filesystem;

struct settings {
  std::string data;
  std::string model;
  std::string out;
  std::string resume;
  std::string checkpoint;
  attack_settings attack{.steps = 2};
  int epochs = 12;
  std::int64_t batch = 128;
  double learning_rate = 8e-3;
  double averaging = 0.999;
  int width = 1;
  std::int64_t limit = 0;
  double patience = 600;
  std::string device = "cpu";
};

// The folder where a training keeps its checkpoint: one that is named, or one named after the model to be.
fs::path checkpoint_folder(const settings& chosen) {
  const std::string& named = chosen.resume.empty() ? chosen.checkpoint : chosen.resume;
  return named.empty() ? chosen.out + ".checkpoint" : named;
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

// What one of the processes tells while all train: the first, for all of them.
class teller {
 public:
  // `lines`: whether epochs are told on stdout, name=value, as Katib's collector of metrics reads them.
  teller(std::int64_t steps, bool lines) : lines_{lines}, bar_{"training", static_cast<double>(steps), "steps"} {
    if (const std::optional<status_server> server = status_server::from_environment()) {
      reporter_.emplace(*server, [](const std::string& line) { std::cerr << "train: " + line + '\n' << std::flush; });
    }
  }

  void tell(const training_progress& now) {
    bar_.update(static_cast<double>(now.step), describe(now));
    if (now.held_out) {
      held_out_ = now.held_out;
    }
    if (now.held_out && lines_) {
      bar_.clear();
      std::cout << "epoch=" << now.epoch << "\nloss=" << now.loss << "\nclean_accuracy=" << now.held_out->clean
                << "\nrobust_accuracy=" << now.held_out->pgd << '\n'
                << std::flush;
    }
    if (reporter_) {
      reporter_->tell(status_of(now));
    }
  }

  // The model is written.
  void finish() {
    bar_.clear();
    if (reporter_) {
      last_.percent = 100;
      last_.seconds_left = 0;
      reporter_->tell(last_);
    }
    end();
  }

  // Posts what is left to post, in bounded time.
  void end() {
    if (reporter_) {
      reporter_->finish();
    }
  }

 private:
  const training_status& status_of(const training_progress& now) {
    first_step_ = std::min(first_step_, now.step - 1);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    const double a_step = seconds / static_cast<double>(now.step - first_step_);
    constexpr std::int64_t nearly = 99;  // all is when the model is written
    last_ = {.percent = static_cast<int>(std::min(nearly, 100 * now.step / now.steps)),
             .seconds_left = static_cast<std::int64_t>(a_step * static_cast<double>(now.steps - now.step)),
             .metrics = {{"epoch", now.epoch}, {"loss", now.loss}, {"training_accuracy", now.accuracy}}};
    if (held_out_) {
      last_.metrics.emplace_back("clean_accuracy", held_out_->clean);
      last_.metrics.emplace_back("robust_accuracy", held_out_->pgd);
    }
    return last_;
  }

  bool lines_;
  progress bar_;
  std::optional<status_reporter> reporter_;
  std::optional<held_out_accuracy> held_out_;
  training_status last_;
  std::int64_t first_step_ = std::numeric_limits<std::int64_t>::max();
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// Keeps a checkpoint and ends, all ranks at once: who ends early would have the launcher kill the others.
template <class Trainer>
[[noreturn]] void stop_together(Trainer& trainer, const process_group& group, std::optional<teller>& told,
                                const settings& chosen, const fs::path& checkpoint) {
  trainer.save(checkpoint.string());
  if (told) {
    told->end();
  }
  group.wait("keep the checkpoint");
  const std::string folder = checkpoint.parent_path().string();
  const std::string kept = "checkpoint kept in " + folder + "; go on with " +
                           (chosen.checkpoint.empty() ? "--resume " + folder : "the same command");
  if (interrupted()) {
    stop_interrupted(kept);
  }
  throw interruption{SIGTERM, "interrupted with another rank; " + kept};
}

template <class Trainer>
void train_to_the_end(Trainer& trainer, const process_group& group, std::optional<teller>& told, const settings& chosen,
                      const fs::path& checkpoint) {
  const interrupt_watch watch;
  while (!trainer.done()) {
    const training_progress now = trainer.step();
    if (told) {
      told->tell(now);
    }
    if (any_rank(group, interrupted(), "agree on going on")) {
      stop_together(trainer, group, told, chosen, checkpoint);
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

// Where many processes share a machine with GPUs, each takes one.
at::Device device_of(const settings& chosen, const rendezvous& where) {
  const at::Device device = input_settings{.device = chosen.device}.resolved_device();
  const bool any = device.is_cuda() && !device.has_index() && where.world > 1;
  return any ? at::Device{at::kCUDA, static_cast<at::DeviceIndex>(where.local_rank)} : device;
}

// What all ranks must have been told alike.
std::string agreed(const settings& chosen, const samples& learnt) {
  const nlohmann::json all = {
      {"attack", chosen.attack.to_json()}, {"epochs", chosen.epochs},       {"batch", chosen.batch},
      {"lr", chosen.learning_rate},        {"averaging", chosen.averaging}, {"samples", learnt.count()}};
  return all.dump();
}

// From the checkpoint that is there, where one may be.
template <class Trainer>
void go_on(Trainer& trainer, const process_group& group, const settings& chosen, const std::string& checkpoint) {
  if (!chosen.resume.empty() || !chosen.checkpoint.empty()) {
    resume_together(group, trainer, checkpoint);
  }
}

std::string prose_of(const settings& chosen, const nlohmann::json& json, double seconds) {
  std::ostringstream prose;
  const auto& last = json["epochs"].back();
  prose << "wrote " << chosen.out << " after " << chosen.epochs << " epochs, " << std::setprecision(3) << seconds
        << " s; held-out accuracy " << 100 * last["clean"].get<double>() << " % clean";
  if (chosen.attack.attack != "none") {
    prose << ", " << 100 * last["pgd"].get<double>() << " % under PGD-10";
  }
  prose << '\n';
  if (json["finding"] != "none") {
    prose << "warning: " << json["finding"].get<std::string>()
          << " was noticed; the weights of the best epoch were kept\n";
  }
  return prose.str();
}

outcome train(const settings& chosen, bool as_json) {
  const auto began = std::chrono::steady_clock::now();
  const rendezvous where = rendezvous_from();
  const process_group group{where,
                            {.timeout = std::chrono::milliseconds{static_cast<std::int64_t>(chosen.patience * 1000)}}};
  const bool first = group.rank() == 0;
  if (first) {
    require_writable(chosen.out);
  }
  const fs::path folder = checkpoint_folder(chosen);
  if (first && !chosen.resume.empty() && !fs::is_regular_file(folder / "checkpoint.pt")) {
    fail("--resume ", chosen.resume, ": holds no checkpoint.pt");
  }
  const at::Device device = device_of(chosen, where);
  script_model model =
      chosen.model.empty() ? make_fashion_net(chosen.attack.seed, chosen.width) : script_model::load(chosen.model);
  model.to(device);
  model.train(true);  // a file may have been saved in eval mode
  const samples whole = read_training_set(chosen.data);
  const samples all = chosen.limit > 0 ? whole.part(0, std::min(chosen.limit, whole.count())) : whole;
  const samples held_out = held_out_of(all).scaled();
  const samples learnt = all.part(0, all.count() - held_out_samples);
  require_agreement(group, "training", agreed(chosen, learnt));
  broadcast_weights(group, model);
  std::optional<used_folder> place;
  if (first) {
    place.emplace(folder);
  }
  const std::string checkpoint = (folder / "checkpoint.pt").string();

  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{chosen.learning_rate}};
  const training_options options{.epochs = chosen.epochs,
                                 .batch = chosen.batch,
                                 .schedule = one_cycle{chosen.learning_rate},
                                 .averaging = chosen.averaging,
                                 .held_out = {held_out.images.to(device), held_out.labels.to(device)},
                                 .checkpoint = checkpoint,
                                 .seed = chosen.attack.seed,
                                 .share = share_of(group)};
  nlohmann::json json = chosen.attack.to_json();
  std::optional<teller> told;
  with_attack(chosen.attack, iterate::last, [&](const auto& attack) {
    adversarial_trainer trainer{
        model, attack, optimizer, {learnt.images.to(device), learnt.labels.to(device)}, options};
    go_on(trainer, group, chosen, checkpoint);
    if (first) {
      told.emplace(trainer.steps(), !as_json);
    }
    train_to_the_end(trainer, group, told, chosen, checkpoint);
    json["finding"] = name_of(trainer.finding());
    json["epochs"] = nlohmann::json::array();
    for (std::size_t i = 0; i < trainer.history().size(); ++i) {
      json["epochs"].push_back(look_to_json(i + 1, trainer.history()[i]));
    }
  });
  if (first) {
    model.to(at::kCPU);
    save_and_forget(model, chosen.out, checkpoint);
    told->finish();
  }
  group.wait("write the model");

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  json.update({{"out", chosen.out}, {"seconds", seconds}, {"device", chosen.device}});
  if (group.world() > 1) {
    json["processes"] = group.world();
  }
  const std::string prose = prose_of(chosen, json, seconds);
  return {.report = json, .prose = prose};
}

// Of many processes the first prints.
bool is_not_the_first() {
  const char* const rank = std::getenv("RANK");
  return rank != nullptr && std::string_view{rank} != "0";
}

}  // namespace

command make_train(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand("train", "train a model against an attack (--attack none: standard training)");
  flags->add_option("--data", chosen->data, "folder of the data set's four IDX files, gzipped or not")->required();
  flags->add_option("--model", chosen->model, "TorchScript file to start from [a new small CNN]");
  flags->add_option("--out", chosen->out, "where to write the model")->required();
  CLI::Option* const resume = flags->add_option("--resume", chosen->resume,
                                                "folder of a checkpoint to go on from; the other flags as they were");
  flags
      ->add_option(
          "--checkpoint", chosen->checkpoint,
          "folder where the checkpoint is kept; one that is there is gone on from [OUT.checkpoint, not gone on "
          "from]")
      ->excludes(resume);
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
  flags->add_option("--limit", chosen->limit, "use the first so many training samples; 0: all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 60))
      ->capture_default_str();
  flags->add_option("--patience", chosen->patience, "of many processes: seconds that one waits for the others")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  add_device_flag(*flags, chosen->device);
  return {flags, [chosen, flags] { return train(*chosen, flags->count("--json") > 0); }, is_not_the_first};
}

}  // namespace redoubt::program
