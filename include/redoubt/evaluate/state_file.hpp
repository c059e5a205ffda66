#pragma once

#include <ATen/core/Tensor.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>
#include <redoubt/core/error.hpp>
#include <redoubt/evaluate/detail/outcomes.hpp>
#include <redoubt/evaluate/detail/saved_evaluation.hpp>
#include <redoubt/evaluate/evaluation_state.hpp>
#include <redoubt/model/detail/sealed_archive.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace redoubt {

namespace detail {

inline constexpr const char* saved_what = "saved evaluation";

inline void write_evaluation(const std::string& path, const saved_evaluation& saved) {
  const outcomes& known = saved.known;
  torch::serialize::OutputArchive archive;
  archive.write("identity", at::IValue(saved.identity));
  archive.write("samples", at::IValue(static_cast<std::int64_t>(saved.samples)));
  std::string names;
  for (const std::string& name : known.names) {
    names += name + '\n';
  }
  archive.write("names", at::IValue(names));
  std::vector<double> seconds = known.seconds;
  seconds.push_back(saved.seconds);
  archive.write("seconds", at::IValue(seconds));
  archive.write("classes", at::IValue(known.classes));
  std::vector<at::Tensor> tensors{known.labels, known.clean_correct, known.attacked, known.robust_correct,
                                  known.nan,    known.zero_gradient, known.fooled_by};
  if (known.adversarial.defined()) {
    tensors.push_back(known.adversarial);
  }
  write_list(archive, "outcomes", tensors);
  write_sealed(saved_what, path, archive);
}

/// Reads what `write_evaluation` wrote, onto `device`.
///
/// Throws std::runtime_error, naming the file, when it is damaged.
[[nodiscard]] inline saved_evaluation read_evaluation(const std::string& path, const at::Device& device) {
  const std::string bytes = read_sealed(saved_what, path);
  saved_evaluation saved;
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(bytes.data(), bytes.size(), device);
    at::IValue value;
    archive.read("identity", value);
    saved.identity = value.toStringRef();
    archive.read("samples", value);
    saved.samples = static_cast<std::uint64_t>(value.toInt());
    outcomes& known = saved.known;
    archive.read("names", value);
    std::istringstream names{value.toStringRef()};
    for (std::string name; std::getline(names, name);) {
      known.names.push_back(name);
    }
    archive.read("seconds", value);
    known.seconds = value.toDoubleVector();
    saved.seconds = known.seconds.at(known.names.size());
    known.seconds.pop_back();
    archive.read("classes", value);
    known.classes = value.toInt();
    std::vector<at::Tensor> tensors = read_list(archive, "outcomes");
    tensors.resize(8);
    known = {tensors[0], tensors[1], tensors[2],    tensors[3],  tensors[4],   tensors[5],
             tensors[6], tensors[7], known.classes, known.names, known.seconds};
  } catch (const std::exception& error) {  // not all of LibTorch's are a c10::Error
    fail("cannot read the ", saved_what, ' ', path, ": not one of this version (", first_line(error), ")");
  }
  return saved;
}

}  // namespace detail

/// The state of an `evaluation` in a file: `evaluation_options{.state = state_file("run.state")}`.
///
/// The file is written beside `path` and then renamed, so that it is always whole. Reading throws std::runtime_error
/// that names the file when it is damaged or not such a state; writing, when it cannot be written.
/// Apart from evaluation.hpp, as the headers of LibTorch's archives take three times as long to compile as all others.
[[nodiscard]] inline evaluation_state state_file(std::string path) {
  const auto read = [path](const at::Device& device) -> std::optional<detail::saved_evaluation> {
    if (!std::filesystem::exists(path)) {
      return std::nullopt;
    }
    return detail::read_evaluation(path, device);
  };
  const auto write = [path](const detail::saved_evaluation& saved) { detail::write_evaluation(path, saved); };
  return {.name = std::move(path), .read = read, .write = write};
}

}  // namespace redoubt
