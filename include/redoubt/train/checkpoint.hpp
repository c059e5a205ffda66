#pragma once

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <c10/util/Exception.h>
#include <torch/optim/optimizer.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <mutex>
#include <redoubt/core/error.hpp>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace redoubt {

/// What it takes to go on with a training as if it had never stopped, beside the optimizer's own state.
struct training_state {
  std::string fingerprint;                ///< of data and options: a checkpoint resumes only the training that wrote it
  std::vector<std::int64_t> counts = {};  ///< steps done and the like
  std::vector<double> numbers = {};
  std::vector<at::Tensor> weights = {};
  std::vector<at::Tensor> averages = {};
  std::vector<at::Tensor> best = {};
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

/// What an exception of LibTorch's says, without its backtrace or listing.
inline std::string first_line(const std::exception& error) {
  const auto* const torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  const std::size_t begin = std::min(text.find_first_not_of('\n'), text.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

/// 16 hexadecimal digits that another byte anywhere would change: FNV-1a (Fowler, Noll, Vo).
inline std::string seal_of(const std::string& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  std::ostringstream digits;
  digits << std::hex << std::setw(16) << std::setfill('0') << hash;
  return digits.str();
}

inline void write_sealed(const std::string& path, const std::string& bytes) {
  std::ofstream out{path, std::ios::binary};
  out << bytes << seal_of(bytes);
  out.close();
  if (!out) {
    fail(std::generic_category().message(errno));
  }
}

/// LibTorch reads archives without a look at their checksums: a byte changed in a weight would go unnoticed.
inline std::string read_sealed(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    fail("cannot read the checkpoint ", path, ": no such file");
  }
  std::ifstream in{path, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  const std::size_t end = bytes.size() - std::min<std::size_t>(bytes.size(), 16);
  const std::string seal = bytes.substr(end);
  bytes.resize(end);
  if (!in || seal != seal_of(bytes)) {
    fail("cannot read the checkpoint ", path, ": damaged or not a checkpoint");
  }
  return bytes;
}

inline void write_list(torch::serialize::OutputArchive& archive, const std::string& name,
                       const std::vector<at::Tensor>& tensors) {
  torch::serialize::OutputArchive list;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    list.write(std::to_string(i), tensors[i]);
  }
  list.write("size", at::IValue(static_cast<std::int64_t>(tensors.size())));
  archive.write(name, list);
}

inline std::vector<at::Tensor> read_list(torch::serialize::InputArchive& archive, const std::string& name) {
  torch::serialize::InputArchive list;
  archive.read(name, list);
  at::IValue size;
  list.read("size", size);
  std::vector<at::Tensor> tensors(static_cast<std::size_t>(size.toInt()));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    list.read(std::to_string(i), tensors[i]);
  }
  return tensors;
}

}  // namespace detail

/// Writes a checkpoint, whole or not at all: to a file beside `path`, then renamed.
///
/// Beside `state` it holds the optimizer's state and that of the global CPU generator, which dropout draws from.
/// Throws std::runtime_error, naming the file, when it cannot be written.
inline void write_checkpoint(const std::string& path, const training_state& state,
                             const torch::optim::Optimizer& optimizer) {
  const std::string unfinished = path + ".unfinished";
  try {
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
    std::ostringstream bytes;
    archive.save_to(bytes);
    detail::write_sealed(unfinished, bytes.str());
    std::filesystem::rename(unfinished, path);
  } catch (const std::exception& error) {
    std::remove(unfinished.c_str());
    fail("cannot write the checkpoint ", path, ": ", detail::first_line(error));
  }
}

/// Reads what `write_checkpoint` wrote; the optimizer and the global CPU generator are set as they were then.
///
/// Throws std::runtime_error, naming the file, when it is missing, damaged, or of another training than `fingerprint`.
[[nodiscard]] inline training_state read_checkpoint(const std::string& path, const std::string& fingerprint,
                                                    torch::optim::Optimizer& optimizer) {
  const std::string bytes = detail::read_sealed(path);
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
