#include "command.hpp"

#include "small_inputs.hpp"

#include "../models.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <redoubt/evaluate/predict.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace redoubt::program;
using nlohmann::json;

namespace {

constexpr std::int64_t training_samples = 2100;  // 1,100 to learn from, as the last 1,000 are held out
constexpr int steps_of_two_epochs = 10;          // of 256 samples each

/// Ten classes of noisy patterns, grey images of side x side, as the four files of a data set.
void write_data_set(const std::string& folder, std::int64_t side) {
  namespace testing = redoubt::testing;
  const at::Tensor patterns = testing::uniform({10, side * side}, 21).gt(0.5).to(at::kFloat).mul(0.5).add(0.25);
  const auto write = [&](const std::string& name, std::int64_t count, std::uint64_t seed) {
    const at::Tensor labels = at::arange(count, at::kLong).remainder(10);
    const at::Tensor noise = testing::uniform({count, side * side}, seed, -0.25, 0.25);
    const at::Tensor images = patterns.index_select(0, labels).add(noise).mul(255).view({count, side, side});
    write_whole(folder + "/" + name + "-images-idx3-ubyte", idx_bytes(images));
    write_whole(folder + "/" + name + "-labels-idx1-ubyte", idx_bytes(labels));
  };
  write("train", training_samples, 22);
  write("t10k", 100, 23);
}

/// A folder with a data set of 4 x 4 images in data/, and an untrained linear classifier, start.pt.
class training_folder {
 public:
  explicit training_folder(std::int64_t side = 4) {
    fs::create_directory(at("data"));
    write_data_set(at("data"), side);
    torch::jit::Module module{"linear_net"};
    module.register_parameter("weight", redoubt::testing::normal({10, side * side}, 3).mul_(0.01), false);
    module.register_parameter("bias", at::zeros({10}), false);
    for (const at::Tensor& parameter : module.parameters()) {
      parameter.requires_grad_();
    }
    module.define(
        "def forward(self, x: Tensor) -> Tensor:\n    return torch.linear(torch.flatten(x, 1), self.weight, "
        "self.bias)\n");
    redoubt::script_model{module}.save(at("start.pt"));
  }

  [[nodiscard]] std::string at(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::ptrdiff_t entries() const { return folder_.entries(); }

  /// Two epochs from the linear classifier to the file `out`, with flags added or replaced.
  [[nodiscard]] command_line line(const std::string& out, const command_line& more = {}) const {
    command_line words{"train"};
    for (const std::string& word :
         {"--data=" + at("data"), "--out=" + at(out), "--model=" + at("start.pt"), std::string("--epochs=2"),
          std::string("--batch=256"), std::string("--lr=0.05"), std::string("--eps=0.05"),
          std::string("--averaging=0.9"), std::string("--seed=4")}) {
      const std::string flag = word.substr(0, word.find('=') + 1);
      if (std::none_of(more.begin(), more.end(), [&](const auto& given) { return given.starts_with(flag); })) {
        words.push_back(word);
      }
    }
    return words + more;
  }

 private:
  temporary_folder folder_;
};

std::vector<at::Tensor> weights_of(const std::string& path) {
  return redoubt::script_model::load(path).parameters();
}

bool same_weights(const std::string& one, const std::string& other) {
  const std::vector<at::Tensor> a = weights_of(one);
  const std::vector<at::Tensor> b = weights_of(other);
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i], b[i])) {
      return false;
    }
  }
  return true;
}

/// Stops a training after each of its first `steps` steps, going on from its checkpoint each time.
void run_in_steps(const command_line& line, const std::string& checkpoint, int steps) {
  const std::string told =
      "redoubt train: interrupted; checkpoint kept in " + checkpoint + "; go on with --resume " + checkpoint + "\n";
  for (int step = 0; step < steps; ++step) {
    CAPTURE(step);
    const run_result stopped = run_interrupted(step == 0 ? line : line + command_line{"--resume", checkpoint},
                                               step % 2 == 0 ? SIGINT : SIGTERM);
    REQUIRE_MESSAGE(stopped.exit_code == (step % 2 == 0 ? 130 : 143), stopped.err);
    CHECK(stopped.out.empty());
    CHECK(stopped.err == told);
    CHECK(fs::is_regular_file(checkpoint + "/checkpoint.pt"));
  }
}

}  // namespace

TEST_CASE("train writes a model that has learnt, says how, and leaves nothing else") {
  const training_folder folder;
  const std::ptrdiff_t before = folder.entries();
  const json report = report_of(folder.line("model.pt"));
  CHECK(keys_of(report) == string_set{"schema", "version", "torch", "device", "seed", "attack", "norm", "eps",
                                      "options", "epochs", "finding", "out", "seconds"});
  CHECK(report["schema"] == 1);
  CHECK(report["device"] == "cpu");
  CHECK(report["seed"] == 4);
  CHECK(report["attack"] == "pgd");
  CHECK(report["eps"] == 0.05);
  CHECK(report["options"]["steps"] == 2);
  CHECK(report["out"] == folder.at("model.pt"));
  CHECK(report["finding"] == "none");
  REQUIRE(report["epochs"].size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const json& epoch = report["epochs"][i];
    CHECK(keys_of(epoch) == string_set{"epoch", "clean", "fgsm", "pgd", "loss"});
    CHECK(epoch["epoch"] == i + 1);
    CHECK(epoch["pgd"].get<double>() <= epoch["clean"].get<double>());
  }
  CHECK(report["epochs"][1]["clean"].get<double>() > 0.8);
  CHECK(folder.entries() == before + 1);
  CHECK_FALSE(same_weights(folder.at("start.pt"), folder.at("model.pt")));

  // What it says of the held-out samples holds for the model in the file.
  const samples all = read_training_set(folder.at("data"));
  redoubt::script_model model = redoubt::script_model::load(folder.at("model.pt"));
  const samples held_out = all.part(all.count() - 1000, 1000).scaled();
  CHECK(redoubt::accuracy(model, held_out.images, held_out.labels) == report["epochs"][1]["clean"].get<double>());
}

TEST_CASE("train in prose names the file and the last look") {
  const training_folder folder;
  const run_result run = run_program(folder.line("model.pt"));
  CHECK(run.exit_code == 0);
  CHECK(run.err.empty());
  CHECK_MESSAGE(run.out.starts_with("wrote " + folder.at("model.pt") + " after 2 epochs, "), run.out);
  CHECK(contains(run.out, " % clean, "));
  CHECK(contains(run.out, " % under PGD-10\n"));
  CHECK(run_program(folder.line("model.pt", {"--attack=none"})).out.ends_with(" % clean\n"));
}

TEST_CASE("the same seed trains the same model bitwise, another seed another") {
  const training_folder folder;
  const json one = report_of(folder.line("one.pt"));
  at::manual_seed(77);
  const json two = report_of(folder.line("two.pt"));
  CHECK(one["epochs"] == two["epochs"]);
  CHECK(same_weights(folder.at("one.pt"), folder.at("two.pt")));
  report_of(folder.line("three.pt", {"--seed=5"}));
  CHECK_FALSE(same_weights(folder.at("one.pt"), folder.at("three.pt")));
}

TEST_CASE("standard training attacks nothing") {
  const training_folder folder;
  const json report = report_of(folder.line("model.pt", {"--attack=none"}));
  CHECK(report["attack"] == "none");
  CHECK(report["epochs"][1]["clean"].get<double>() > 0.8);
  CHECK(report["epochs"][1]["pgd"] == report["epochs"][1]["clean"]);
}

TEST_CASE("a training that is interrupted after every step ends in the same model, bitwise") {
  const training_folder folder;
  json whole = timeless(report_of(folder.line("whole.pt")));
  const std::ptrdiff_t before = folder.entries();
  const std::string checkpoint = folder.at("parts.pt.checkpoint");
  run_in_steps(folder.line("parts.pt"), checkpoint, steps_of_two_epochs);
  CHECK_FALSE(fs::exists(folder.at("parts.pt")));
  json parts = timeless(report_of(folder.line("parts.pt", {"--resume", checkpoint})));
  CHECK(same_weights(folder.at("whole.pt"), folder.at("parts.pt")));
  CHECK_FALSE(fs::exists(checkpoint));
  CHECK(folder.entries() == before + 1);
  whole.erase("out");
  parts.erase("out");
  CHECK(parts == whole);
}

TEST_CASE("an interrupted training tells JSON readers too") {
  const training_folder folder;
  const run_result stopped = run_interrupted(folder.line("model.pt", {"--json"}));
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.err.empty());
  CHECK(stopped.report()["error"]["code"] == "interrupted");
  CHECK(contains(stopped.report()["error"]["message"], folder.at("model.pt.checkpoint")));
}

TEST_CASE("what else is in a checkpoint's folder stays, the new model included") {
  const training_folder folder;
  CHECK(run_interrupted(folder.line("run.pt")).exit_code == 130);
  fs::create_directory(folder.at("mine"));
  fs::rename(folder.at("run.pt.checkpoint/checkpoint.pt"), folder.at("mine/checkpoint.pt"));
  write_whole(folder.at("mine/notes.txt"), "keep me");
  report_of(folder.line("mine/model.pt", {"--resume", folder.at("mine")}));
  CHECK(read_whole(folder.at("mine/notes.txt")) == "keep me");
  CHECK(weights_of(folder.at("mine/model.pt")).size() == 2);
  CHECK_FALSE(fs::exists(folder.at("mine/checkpoint.pt")));
}

TEST_CASE("a checkpoint that is missing, damaged, or of another training is refused and kept") {
  const training_folder folder;
  const std::string checkpoint = folder.at("run.pt.checkpoint");
  const auto error = [&](const std::string& place, const command_line& more = {}) {
    const int exit_code = 1;
    return error_of(folder.line("run.pt", command_line{"--resume", place} + more), exit_code);
  };
  CHECK(error(folder.at("none")) == "--resume " + folder.at("none") + ": holds no checkpoint.pt");
  CHECK(error(folder.at("data")) == "--resume " + folder.at("data") + ": holds no checkpoint.pt");

  CHECK(run_interrupted(folder.line("run.pt")).exit_code == 130);
  const std::string whole = read_whole(checkpoint + "/checkpoint.pt");
  for (const char* more : {"--epochs=3", "--batch=128", "--averaging=0", "--seed=5"}) {
    CAPTURE(more);
    CHECK(contains(error(checkpoint, {more}), "checkpoint"));
  }
  std::string damaged = whole;
  damaged[whole.size() / 2] = static_cast<char>(~damaged[whole.size() / 2]);
  for (const std::string& bytes : {damaged, whole.substr(0, whole.size() / 2), std::string()}) {
    write_whole(checkpoint + "/checkpoint.pt", bytes);
    CHECK(contains(error(checkpoint), "checkpoint.pt: damaged or not a checkpoint"));
    CHECK(read_whole(checkpoint + "/checkpoint.pt") == bytes);
  }
  CHECK_FALSE(fs::exists(folder.at("run.pt")));
}

TEST_CASE("train refuses what it cannot use, and leaves nothing behind") {
  const training_folder folder;
  const std::string images = folder.at("data/train-images-idx3-ubyte");
  const std::string labels = folder.at("data/train-labels-idx1-ubyte");
  const std::string whole_images = read_whole(images);
  const std::string whole_labels = read_whole(labels);
  scripted("def forward(self, x: Tensor) -> Tensor:\n    return torch.flatten(x, 1)\n").save(folder.at("bare.pt"));
  torch::jit::Module flat{"flat"};
  flat.register_parameter("weight", at::ones({1}).requires_grad_(), false);
  flat.define("def forward(self, x: Tensor) -> Tensor:\n    return torch.flatten(x, 1)[:, 0] * self.weight\n");
  redoubt::script_model{flat}.save(folder.at("flat.pt"));
  const std::ptrdiff_t before = folder.entries();
  const auto error = [&](int exit_code, const command_line& more = {}) {
    std::string message = error_of(folder.line("model.pt", more), exit_code);
    CHECK(folder.entries() == before);
    return message;
  };

  write_whole(images, whole_images.substr(0, 1000));
  CHECK(contains(error(1), "cannot read " + images + ": truncated"));
  write_whole(images, whole_images);
  write_whole(labels, idx_bytes(at::zeros({training_samples - 1})));
  CHECK(contains(error(1), "2100 images"));
  write_whole(labels, idx_bytes(at::full({training_samples}, 11)));
  CHECK(contains(error(2), "labels must lie in [0, 10), as the model has 10 classes; got 11"));
  fs::remove(labels);
  CHECK(contains(error(1), labels + ": no such file, with or without .gz"));
  write_whole(labels, whole_labels);
  write_whole(images, idx_bytes(at::zeros({2000, 4, 4})));
  write_whole(labels, idx_bytes(at::zeros({2000})));
  CHECK(contains(error(2), "the data set has 2000 training samples; needs over 2000"));
  write_whole(images, whole_images);
  write_whole(labels, whole_labels);

  CHECK(contains(error(1, {"--model=" + folder.at("none.pt")}), "no such file"));
  CHECK(contains(error(1, {"--model=" + images}), "cannot read the model " + images));
  CHECK(contains(error(2, {"--model=" + folder.at("flat.pt")}), "got [256]"));
  error(1, {"--model=" + folder.at("bare.pt")});  // no parameters to train
  CHECK(contains(error(1, {"--out=" + folder.at("none/model.pt")}), "there is no folder " + folder.at("none")));
  CHECK(contains(error(1, {"--out=" + images + "/model.pt"}), "cannot write " + images + "/model.pt"));
  CHECK(contains(error(2, {"--eps=-1"}), "too small"));
  CHECK(contains(error(2, {"--eps=nan"}), "not a finite number"));
  CHECK(contains(error(2, {"--epochs=0"}), "--epochs"));
  CHECK(contains(error(2, {"--batch=0"}), "--batch"));
  CHECK(contains(error(2, {"--averaging=1"}), "too large"));
  CHECK(contains(error(2, {"--lr=0"}), "too small"));
  CHECK(contains(error(2, {"--box", "0.5", "1"}), "must lie in the box [0.5, 1]"));
}

TEST_CASE("a named checkpoint is gone on from by the same command, and made where there is none") {
  const training_folder folder;
  report_of(folder.line("whole.pt"));
  const std::string checkpoint = folder.at("kept/here");
  const command_line line = folder.line("parts.pt", {"--checkpoint", checkpoint});
  for (int step = 0; step < 3; ++step) {
    const run_result stopped = run_interrupted(line, SIGTERM);
    REQUIRE_MESSAGE(stopped.exit_code == 143, stopped.err);
    CHECK(stopped.err ==
          "redoubt train: interrupted; checkpoint kept in " + checkpoint + "; go on with the same command\n");
    CHECK(fs::is_regular_file(checkpoint + "/checkpoint.pt"));
  }
  report_of(line);
  CHECK(same_weights(folder.at("whole.pt"), folder.at("parts.pt")));
  CHECK_FALSE(fs::exists(checkpoint));
  const std::string both = error_of(line + command_line{"--resume", checkpoint}, 2);
  CHECK(contains(both, "excludes"));  // either may be named first
  CHECK(contains(both, "--checkpoint"));
  CHECK(contains(both, "--resume"));
  CHECK(run_interrupted(line).exit_code == 130);
  const std::string other = error_of(folder.line("parts.pt", {"--checkpoint", checkpoint, "--seed=5"}), 1);
  CHECK(contains(other, "belongs to another training"));
}

TEST_CASE("--limit learns from the first samples alone, and holds out the last thousand of them") {
  const training_folder folder;
  report_of(folder.line("all.pt"));
  report_of(folder.line("more.pt", {"--limit=1000000"}));
  CHECK(same_weights(folder.at("all.pt"), folder.at("more.pt")));
  report_of(folder.line("few.pt", {"--limit=2050"}));
  CHECK_FALSE(same_weights(folder.at("all.pt"), folder.at("few.pt")));
  CHECK(contains(error_of(folder.line("none.pt", {"--limit=2000"}), 2), "the data set has 2000 training samples"));
}

TEST_CASE("epochs are told on stdout as name=value, but not where JSON was asked for") {
  const training_folder folder;
  const auto printed_by = [&](const command_line& line) {
    std::ostringstream caught;
    std::streambuf* const before = std::cout.rdbuf(caught.rdbuf());
    const run_result run = run_program(line);
    std::cout.rdbuf(before);
    CHECK(run.exit_code == 0);
    return caught.str();
  };
  const std::string told = printed_by(folder.line("model.pt"));
  const json report = report_of(folder.line("again.pt"));
  std::ostringstream expected;
  for (const json& epoch : report["epochs"]) {
    expected << "epoch=" << epoch["epoch"].get<int>() << "\nloss=" << epoch["loss"].get<double>()
             << "\nclean_accuracy=" << epoch["clean"].get<double>()
             << "\nrobust_accuracy=" << epoch["pgd"].get<double>() << '\n';
  }
  CHECK(told == expected.str());
  CHECK(printed_by(folder.line("quiet.pt", {"--json"})).empty());
}

TEST_CASE("an environment that is no place to meet is refused by name") {
  const training_folder folder;
  ::setenv("WORLD_SIZE", "many", 1);
  CHECK(error_of(folder.line("model.pt"), 2) == "WORLD_SIZE=\"many\": must be a whole number from 1 to 2147483647");
  ::setenv("WORLD_SIZE", "2", 1);
  CHECK(contains(error_of(folder.line("model.pt"), 2), "RANK is not set"));
  ::unsetenv("WORLD_SIZE");
}

TEST_CASE("a new network trains, and resumes exactly, as well [slow]") {
  const training_folder folder(28);
  const auto line = [&](const std::string& out) {
    return command_line{"train",      "--data",      folder.at("data"), "--out",   folder.at(out),
                        "--epochs=2", "--batch=256", "--eps=0.05",      "--seed=4"};
  };
  const json whole = report_of(line("whole.pt"));
  CHECK(whole["epochs"].size() == 2);
  const std::string checkpoint = folder.at("parts.pt.checkpoint");
  run_in_steps(line("parts.pt"), checkpoint, steps_of_two_epochs - 2);
  const json parts = report_of(line("parts.pt") + command_line{"--resume", checkpoint});
  CHECK(parts["epochs"] == whole["epochs"]);
  CHECK(same_weights(folder.at("whole.pt"), folder.at("parts.pt")));
}
