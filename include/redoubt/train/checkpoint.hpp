#pragma once

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <torch/optim/optimizer.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <cstdint>
#include <exception>
#include <mutex>
#include <redoubt/core/error.hpp>
#include <redoubt/model/detail/sealed_archive.hpp>
#include <string>
#include <vector>

namespace redoubt {

/// What it takes to go on with a training as if it had never stopped, beside the optimizer's own state.
struct training_state {
  std::string fingerprint;                ///< of data and options: a checkpoint resumes only the training that wrote it
  std::vector<std::int64_t> counts = {};  ///< steps done and the like
  std::vector<double> numbers = {};       ///< losses and the like
  std::vector<at::Tensor> weights = {};   ///< parameters and buffers
  std::vector<at::Tensor> averages = {};  ///< of the weights, where they are averaged
  std::vector<at::Tensor> best = {};      ///< the weights of the best look, where there is held-out data
};

namespace detail {

inline at::Tensor generator_state() {
  at::Generator generator = at::globalContext().defaultGenerator(at::Device(at::kCPU));
  const std::scoped_lock lock{generator.mutex()};
  return generator.get_state();
}

inline void set_generator_state(const at::Tensor& state) {
  at::Generator generator = at::globalContext().defaultGenerator(at::Device(at::kCPU));
  const std::scoped_lock lock{generator.mutex()};
  generator.set_state(state);
}

}  // namespace detail

/// Writes a checkpoint, whole or not at all: to a file beside `path`, then renamed.
///
/// Beside `state` it holds the optimizer's state and that of the global CPU generator, which dropout draws from.
/// Throws std::runtime_error, naming the file, when it cannot be written.
inline void write_checkpoint(const std::string& path, const training_state& state,
                             const torch::optim::Optimizer& optimizer) {
  torch::serialize::OutputArchive archive;
  archive.write("fingerprint", at::IValue(state.fingerprint));
  archive.write("counts", at::IValue(state.counts));
  archive.write("numbers", at::IValue(state.numbers));
  detail::write_list(archive, "weights", state.weights);
  detail::write_list(archive, "averages", state.averages);
  detail::write_list(archive, "best", state.best);
  archive.write("generator", detail::generator_state());
  torch::serialize::OutputArchive optimizer_archive;
  optimizer.save(optimizer_archive);
  archive.write("optimizer", optimizer_archive);
  detail::write_sealed("checkpoint", path, archive);
}

/// Reads what `write_checkpoint` wrote; the optimizer and the global CPU generator are set as they were then.
///
/// Throws std::runtime_error, naming the file, when it is missing, damaged, or of another training than `fingerprint`,
/// and sets nothing; and when it is of another optimizer.
[[nodiscard]] inline training_state read_checkpoint(const std::string& path, const std::string& fingerprint,
                                                    torch::optim::Optimizer& optimizer) {
  const std::string bytes = detail::read_sealed("checkpoint", path);
  training_state state;
  torch::serialize::InputArchive archive;
  torch::serialize::InputArchive optimizer_archive;
  at::Tensor generator;
  try {
    archive.load_from(bytes.data(), bytes.size());
    at::IValue value;
    archive.read("fingerprint", value);
    state.fingerprint = value.toStringRef();
    archive.read("counts", value);
    state.counts = value.toIntVector();
    archive.read("numbers", value);
    state.numbers = value.toDoubleVector();
    state.weights = detail::read_list(archive, "weights");
    state.averages = detail::read_list(archive, "averages");
    state.best = detail::read_list(archive, "best");
    archive.read("generator", generator);
    archive.read("optimizer", optimizer_archive);
  } catch (const std::exception& error) {  // not all of LibTorch's are a c10::Error
    fail("cannot read the checkpoint ", path, ": not one of this version (", detail::first_line(error), ")");
  }
  if (state.fingerprint != fingerprint) {
    fail("the checkpoint ", path, " belongs to another training: it says ", state.fingerprint, ", this one is ",
         fingerprint);
  }
  try {
    optimizer.load(optimizer_archive);
  } catch (const std::exception& error) {
    fail("cannot read the checkpoint ", path, ": its optimizer is not this one (", detail::first_line(error), ")");
  }
  detail::set_generator_state(generator);
  return state;
}

}  // namespace redoubt
