#pragma once

#include <ATen/core/Tensor.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <redoubt/core/error.hpp>
#include <redoubt/evaluate/detail/outcomes.hpp>
#include <redoubt/model/detail/sealed_archive.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace redoubt::detail {

/// An evaluation that can be gone on with: what is known, and of which samples and which run.
struct saved_evaluation {
  std::string identity;
  std::uint64_t samples = 0;  // their hash, see `hash_of`
  outcomes known;
  double seconds = 0;
};

/// The hash of samples, labels and row numbers to the bit, going on from that of the samples before them.
[[nodiscard]] inline std::uint64_t hash_of(const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows,
                                           std::uint64_t hash) {
  const std::array host{x.to(at::kCPU).contiguous(), y.to(at::kCPU).contiguous(), rows.to(at::kCPU).contiguous()};
  for (std::int64_t i = 0; i < x.size(0); ++i) {  // sample by sample, so that shards and batches leave no mark
    for (const at::Tensor& each : host) {
      const std::size_t width = each.nbytes() / static_cast<std::size_t>(x.size(0));
      hash =
          fnv1a({static_cast<const char*>(each.const_data_ptr()) + static_cast<std::size_t>(i) * width, width}, hash);
    }
  }
  return hash;
}

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
/// Throws std::runtime_error, naming the file, when it is damaged, or of another run than `identity`.
[[nodiscard]] inline saved_evaluation read_evaluation(const std::string& path, const std::string& identity,
                                                      const at::Device& device) {
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
  if (saved.identity != identity) {
    fail("the ", saved_what, ' ', path, " belongs to another run: it says ", saved.identity, ", this one is ",
         identity);
  }
  return saved;
}

}  // namespace redoubt::detail
