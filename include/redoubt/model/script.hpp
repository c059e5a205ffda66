#pragma once

#include <c10/util/Exception.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/passes/fold_conv_bn.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <redoubt/core/error.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/detail/archive.hpp>
#include <string>
#include <utility>
#include <vector>

namespace redoubt {

/// A TorchScript model: the file format that carries a model with its gradients between Python and C++.
///
/// Copies refer to the same module; `clone` makes another. A method `features(x) -> [N, F]` of the module, its
/// penultimate layer, is used by detectors where there is one.
class script_model {
 public:
  /// Throws std::invalid_argument for a module without a method `forward`.
  explicit script_model(torch::jit::Module module) : module_{std::move(module)} {
    require(module_.find_method("forward").has_value(), "script_model: the module has no method forward");
  }

  /// Reads a TorchScript file onto `device`.
  ///
  /// Throws std::runtime_error, naming the file, when it is missing, cut short, damaged (a checksum in it is wrong,
  /// which LibTorch itself does not look at), or not TorchScript.
  [[nodiscard]] static script_model load(const std::string& path, at::Device device = at::kCPU) {
    if (!std::filesystem::is_regular_file(path)) {
      fail("cannot read the model ", path, ": no such file");
    }
    require_undamaged(path);
    try {
      return script_model{torch::jit::load(path, device)};
    } catch (const std::exception& error) {
      // Not c10::Error alone: what parses the code in a damaged file throws its own.
      fail("cannot read the model ", path, ": not a whole TorchScript file (", reason(error), ")");
    }
  }

  /// Writes the module, whole or not at all: to a file beside `path`, then renamed.
  ///
  /// Throws std::runtime_error, naming the file, when it cannot be written.
  void save(const std::string& path) const {
    const std::string unfinished = path + ".unfinished";
    try {
      module_.save(unfinished);
      std::filesystem::rename(unfinished, path);
    } catch (const std::exception& error) {
      std::remove(unfinished.c_str());
      fail("cannot write the model ", path, ": ", reason(error));
    }
  }

  /// The logits [N, C] of x [N, ...]: the module's `forward`.
  ///
  /// Throws std::runtime_error, naming x's shape and the reason, where the module fails; std::invalid_argument where it
  /// returns no tensor.
  at::Tensor operator()(const at::Tensor& x) const { return call("forward", x); }

  /// The penultimate layer's output [N, F] for x [N, ...], where the module has a method `features`. Throws as the
  /// call.
  [[nodiscard]] std::optional<at::Tensor> features(const at::Tensor& x) const {
    if (!module_.find_method("features")) {
      return std::nullopt;
    }
    return call("features", x);
  }

  /// All parameters, those of submodules included; they share the module's memory.
  [[nodiscard]] std::vector<at::Tensor> parameters() const { return listed(module_.parameters()); }
  /// All buffers (BatchNorm's statistics, say), those of submodules included; they share the module's memory.
  [[nodiscard]] std::vector<at::Tensor> buffers() const { return listed(module_.buffers()); }

  /// Each submodule's train/eval flag; a frozen module has none and stays as it is.
  [[nodiscard]] std::vector<bool> modes() const {
    std::vector<bool> flags;
    for (const auto& part : module_.modules()) {
      flags.push_back(part.hasattr("training") && part.is_training());
    }
    return flags;
  }

  /// Puts back what `modes` read; throws std::out_of_range for fewer flags.
  void set_modes(const std::vector<bool>& flags) const {
    std::size_t i = 0;
    for (auto part : module_.modules()) {
      if (part.hasattr("training")) {
        part.setattr("training", static_cast<bool>(flags.at(i)));
      }
      ++i;
    }
  }

  /// Sets train mode for all submodules, or eval mode.
  void train(bool on = true) const {
    for (auto part : module_.modules()) {
      if (part.hasattr("training")) {
        part.setattr("training", on);
      }
    }
  }

  /// A model of its own: parameters and buffers are copied.
  [[nodiscard]] script_model clone() const { return script_model{module_.deepcopy()}; }

  /// A copy in eval mode whose BatchNorms are folded into the convolutions before them: the same function and gradients
  /// to 1e-6, in fewer operations.
  [[nodiscard]] script_model folded() const {
    script_model copy = clone();
    copy.train(false);
    return script_model{torch::jit::FoldConvBatchNorm(copy.module_)};
  }

  /// Moves parameters and buffers to `device`, for all copies of this model.
  void to(at::Device device) { module_.to(device); }

  /// The module itself.
  [[nodiscard]] const torch::jit::Module& module() const { return module_; }

 private:
  at::Tensor call(const char* method, const at::Tensor& x) const {
    at::IValue output;
    try {
      output = module_.get_method(method)({x});
    } catch (const std::exception& error) {
      fail("the model fails on an input of shape ", x.sizes(), ": ", reason(error));
    }
    require(output.isTensor(), "model: ", method, " must return one tensor, got ", output.tagKind());
    return output.toTensor();
  }

  template <class List>
  static std::vector<at::Tensor> listed(const List& list) {
    std::vector<at::Tensor> tensors;
    for (const at::Tensor& tensor : list) {
      tensors.push_back(tensor);
    }
    return tensors;
  }

  // LibTorch's messages run over many lines: the interpreter's end with the reason, all others begin with it.
  static void require_undamaged(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    if (const std::optional<std::string> damage = detail::archive_damage(bytes)) {
      fail("cannot read the model ", path, ": not a whole TorchScript file (", *damage, ")");
    }
  }

  static std::string reason(const std::exception& error) {
    const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
    const std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
    const std::string mark = "\nRuntimeError: ";
    const std::size_t last = text.rfind(mark);
    const std::size_t first = last == std::string::npos ? text.find_first_not_of('\n') : last + mark.size();
    return first == std::string::npos ? "no reason given" : text.substr(first, text.find('\n', first) - first);
  }

  torch::jit::Module module_;
};

}  // namespace redoubt
