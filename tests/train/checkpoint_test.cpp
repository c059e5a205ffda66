#include <redoubt/train/checkpoint.hpp>

#include <doctest/doctest.h>

#include <ATen/ATen.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <redoubt/core/philox.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "../program/temporary_folder.hpp"
#include "small_problem.hpp"

using redoubt::read_checkpoint;
using redoubt::training_state;
using redoubt::write_checkpoint;

namespace {

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream{file, std::ios::binary} << bytes;
}

bool is_one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == std::string::npos;
}

/// A weight that some steps of Adam have moved.
struct trained_weight {
  at::Tensor weight = at::linspace(-1, 1, 12).requires_grad_();
  torch::optim::Adam optimizer{{weight}, torch::optim::AdamOptions{0.1}};

  void step() {
    optimizer.zero_grad();
    weight.pow(4).sum().backward();
    optimizer.step();
  }
};

training_state some_state() {
  return {.fingerprint = "data [3, 2], seed 7",
          .counts = {0, -1, std::numeric_limits<std::int64_t>::max()},
          .numbers = {0.1, -0.0, std::numeric_limits<double>::infinity(), 1e-310},
          .weights = {at::linspace(0, 1, 6).view({2, 3}), at::full({}, 3, at::kLong), at::zeros({2}, at::kHalf)},
          .averages = {at::arange(4, at::kDouble)},
          .best = {}};
}

}  // namespace

TEST_CASE("a checkpoint gives back all that it was given, to the bit") {
  const temporary_folder folder;
  const std::string path = folder / "last.ckpt";
  trained_weight before;
  before.step();
  const training_state state = some_state();
  write_checkpoint(path, state, before.optimizer);
  CHECK(folder.entries() == 1);

  trained_weight after;
  const training_state read = read_checkpoint(path, state.fingerprint, after.optimizer);
  CHECK(read.fingerprint == state.fingerprint);
  CHECK(read.counts == state.counts);
  CHECK(read.numbers == state.numbers);
  CHECK(std::signbit(read.numbers[1]));
  CHECK(small::same_bits(read.weights, state.weights));
  CHECK(small::same_bits(read.averages, state.averages));
  CHECK(read.best.empty());
}

TEST_CASE("a checkpoint brings the optimizer to where it was: its next steps are the same to the bit") {
  const temporary_folder folder;
  const std::string path = folder / "last.ckpt";
  trained_weight straight;
  for (int i = 0; i < 5; ++i) {
    straight.step();
  }
  straight.optimizer.param_groups()[0].options().set_lr(0.03);
  write_checkpoint(path, {.fingerprint = "f", .weights = {straight.weight.detach().clone()}}, straight.optimizer);

  trained_weight resumed;
  resumed.step();
  const training_state state = read_checkpoint(path, "f", resumed.optimizer);
  resumed.weight.set_data(state.weights[0]);
  for (int i = 0; i < 5; ++i) {
    straight.step();
    resumed.step();
  }
  CHECK(resumed.optimizer.param_groups()[0].options().get_lr() == 0.03);
  CHECK(small::same_bits(straight.weight, resumed.weight));
}

TEST_CASE("a checkpoint puts the global generator back, which dropout draws from") {
  const temporary_folder folder;
  const std::string path = folder / "last.ckpt";
  trained_weight any;
  at::manual_seed(11);
  write_checkpoint(path, {.fingerprint = "f"}, any.optimizer);
  const at::Tensor drawn = at::rand({8});
  at::manual_seed(12);
  static_cast<void>(read_checkpoint(path, "f", any.optimizer));
  CHECK(small::same_bits(at::rand({8}), drawn));
}

TEST_CASE("writing a checkpoint draws nothing, and replaces the one before it") {
  const temporary_folder folder;
  const std::string path = folder / "last.ckpt";
  trained_weight any;
  at::manual_seed(11);
  const at::Tensor expected = at::rand({8});
  at::manual_seed(11);
  write_checkpoint(path, {.fingerprint = "f", .counts = {1}}, any.optimizer);
  write_checkpoint(path, {.fingerprint = "f", .counts = {2}}, any.optimizer);
  CHECK(small::same_bits(at::rand({8}), expected));
  CHECK(read_checkpoint(path, "f", any.optimizer).counts == std::vector<std::int64_t>{2});
  CHECK(folder.entries() == 1);
}

TEST_CASE("a checkpoint of another training is refused by both names, and nothing is set") {
  const temporary_folder folder;
  const std::string path = folder / "last.ckpt";
  trained_weight before;
  before.optimizer.param_groups()[0].options().set_lr(0.5);
  write_checkpoint(path, {.fingerprint = "seed 7"}, before.optimizer);

  trained_weight after;
  at::manual_seed(4);
  const at::Tensor expected = at::rand({4});
  at::manual_seed(4);
  CHECK(message_of<std::runtime_error>([&] { static_cast<void>(read_checkpoint(path, "seed 8", after.optimizer)); }) ==
        "the checkpoint " + path + " belongs to another training: it says seed 7, this one is seed 8");
  CHECK(after.optimizer.param_groups()[0].options().get_lr() == 0.1);
  CHECK(small::same_bits(at::rand({4}), expected));
}

TEST_CASE("a checkpoint with another kind of optimizer is refused in one line that names the file") {
  const temporary_folder folder;
  const std::string path = folder / "last.ckpt";
  trained_weight before;
  before.step();
  write_checkpoint(path, {.fingerprint = "f"}, before.optimizer);
  torch::optim::SGD other{{before.weight}, torch::optim::SGDOptions{0.1}.momentum(0.9)};
  const std::string said =
      message_of<std::runtime_error>([&] { static_cast<void>(read_checkpoint(path, "f", other)); });
  CAPTURE(said);
  CHECK(said.find(path) != std::string::npos);
  CHECK(is_one_line(said));
}

TEST_CASE("a missing checkpoint is named") {
  trained_weight any;
  CHECK(message_of<std::runtime_error>([&] {
          static_cast<void>(read_checkpoint("no/such.ckpt", "f", any.optimizer));
        }) == "cannot read the checkpoint no/such.ckpt: no such file");
}

TEST_CASE("a checkpoint cut short is refused in one line that names the file, wherever it was cut") {
  const temporary_folder folder;
  const std::string whole = folder / "whole.ckpt";
  const std::string cut = folder / "cut.ckpt";
  trained_weight any;
  any.step();
  write_checkpoint(whole, some_state(), any.optimizer);
  const std::string bytes = bytes_of(whole);
  for (int part = 0; part < 40; ++part) {
    const std::size_t size = part == 39 ? bytes.size() - 1 : bytes.size() * static_cast<std::size_t>(part) / 39;
    CAPTURE(size);
    write_bytes(cut, bytes.substr(0, size));
    const std::string said = message_of<std::runtime_error>(
        [&] { static_cast<void>(read_checkpoint(cut, "data [3, 2], seed 7", any.optimizer)); });
    CAPTURE(said);
    REQUIRE(said.rfind("cannot read the checkpoint " + cut, 0) == 0);
    REQUIRE(is_one_line(said));
  }
}

TEST_CASE("what is no checkpoint at all is refused in one line that names the file") {
  const temporary_folder folder;
  const std::string path = folder / "text.ckpt";
  trained_weight any;
  for (const std::string content : {"", "epoch 3\n", "PK\003\004 and no more"}) {
    write_bytes(path, content);
    const std::string said =
        message_of<std::runtime_error>([&] { static_cast<void>(read_checkpoint(path, "f", any.optimizer)); });
    CHECK(said.rfind("cannot read the checkpoint " + path, 0) == 0);
    CHECK(is_one_line(said));
  }
}

TEST_CASE("a checkpoint with a byte changed is refused by name, or was not harmed") {
  const temporary_folder folder;
  const std::string whole = folder / "whole.ckpt";
  const std::string path = folder / "changed.ckpt";
  trained_weight any;
  any.step();
  training_state state = some_state();
  state.weights.push_back(at::arange(10000));  // most of the file
  write_checkpoint(whole, state, any.optimizer);
  const std::string bytes = bytes_of(whole);
  const std::uint64_t seed = 23;
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int i = 0; i < 300; ++i) {
    std::string changed = bytes;
    const auto place = random.below(static_cast<std::uint32_t>(bytes.size()));
    changed[place] = static_cast<char>(changed[place] ^ static_cast<char>(1 << random.below(8)));
    CAPTURE(place);
    write_bytes(path, changed);
    std::string said;
    training_state read;
    try {
      read = read_checkpoint(path, state.fingerprint, any.optimizer);
    } catch (const std::runtime_error& error) {
      said = error.what();
    }
    CAPTURE(said);
    if (said.empty()) {
      REQUIRE(read.counts == state.counts);
      REQUIRE(read.numbers == state.numbers);
      REQUIRE(small::same_bits(read.weights, state.weights));
      REQUIRE(small::same_bits(read.averages, state.averages));
    } else {
      REQUIRE(said.find(path) != std::string::npos);
      REQUIRE(is_one_line(said));
    }
  }
}

TEST_CASE("a checkpoint that cannot be written leaves nothing behind, and the old one whole") {
  const temporary_folder folder;
  trained_weight any;
  const std::string missing = folder / "missing" / "last.ckpt";
  const std::string said =
      message_of<std::runtime_error>([&] { write_checkpoint(missing, {.fingerprint = "f"}, any.optimizer); });
  CHECK(said.rfind("cannot write the checkpoint " + missing + ": ", 0) == 0);
  CHECK(is_one_line(said));
  CHECK(folder.entries() == 0);

  // A folder stands where the file should go: the new file was written, and cannot be renamed.
  const std::string taken = folder / "taken";
  std::filesystem::create_directories(folder / "taken" / "inside");
  CHECK(message_of<std::runtime_error>([&] {
          write_checkpoint(taken, {.fingerprint = "f"}, any.optimizer);
        }).rfind("cannot write the checkpoint " + taken + ": ", 0) == 0);
  CHECK(folder.entries() == 1);
}
