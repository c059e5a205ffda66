#pragma once

#include "data.hpp"
#include "files.hpp"
#include "run_program.hpp"
#include "temporary_folder.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/model/script.hpp>
#include <string>
#include <vector>

/// An IDX file's bytes: its header, then a tensor of bytes.
inline std::string idx_bytes(const at::Tensor& values) {
  std::string bytes{'\0', '\0', '\x08', static_cast<char>(values.dim())};
  for (const std::int64_t size : values.sizes()) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
      bytes += static_cast<char>(static_cast<std::uint64_t>(size) >> shift & 0xFFU);
    }
  }
  const auto each = redoubt::detail::vector_of<std::uint8_t>(values);
  bytes.append(each.begin(), each.end());
  return bytes;
}

/// A TorchScript model of these methods.
inline redoubt::script_model scripted(const std::string& source) {
  torch::jit::Module module{"net"};
  module.define(source);
  return redoubt::script_model{module};
}

/// Two classes told apart by one pixel: class 1 where it is above 127.5 of 255, with `slope` logits a grey value.
///
/// Its nearest adversarial example is known: an attack of k / 255 turns exactly the pixels within k of 127.5.
inline redoubt::script_model pixel_model(int pixel, double slope = 1.0 / 16) {
  return scripted("def forward(self, x: Tensor) -> Tensor:\n    v = (torch.flatten(x, 1)[:, " + std::to_string(pixel) +
                  "] * 255 - 127.5) * " + std::to_string(slope) +
                  "\n    return torch.stack([torch.zeros_like(v), v], 1)\n");
}

/// 256 images of two pixels, uint8 [256, 1, 2]. The first is 0..255: class 1 from 128 on, but for image 100, whose
/// label is wrong there. The second is 10 or 245 as the label is 0 or 1.
struct pixel_pairs {
  at::Tensor images;
  at::Tensor labels;

  pixel_pairs() {
    const at::Tensor value = at::arange(256, at::kLong);
    labels = value.ge(128).to(at::kLong);
    labels[100] = 1;
    images = at::stack({value, labels.mul(235).add(10)}, 1).to(at::kByte).unsqueeze(1);
  }
};

/// A folder with those images and labels as IDX files, and models over either pixel: pixel0.pt and pixel1.pt.
class pixel_folder {
 public:
  pixel_folder() {
    const pixel_pairs pairs;
    redoubt::program::write_whole(at("images"), idx_bytes(pairs.images));
    redoubt::program::write_whole(at("labels"), idx_bytes(pairs.labels));
    pixel_model(0).save(at("pixel0.pt"));
    pixel_model(1).save(at("pixel1.pt"));
  }

  [[nodiscard]] std::string at(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::ptrdiff_t entries() const { return folder_.entries(); }

  /// `redoubt SUBCOMMAND` on the first pixel's model, images and labels, each replaced by what is given.
  [[nodiscard]] command_line line(const std::string& subcommand, const command_line& more = {},
                                  const std::string& model = "pixel0.pt", const std::string& images = "images",
                                  const std::string& labels = "labels") const {
    return command_line{subcommand, "--model", at(model), "--images", at(images), "--labels", at(labels)} + more;
  }

 private:
  temporary_folder folder_;
};
