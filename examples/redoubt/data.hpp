#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace redoubt::program {

/// Images [N, C, H, W], uint8 or floating point, as they are in the file.
///
/// `path` is an IDX file (gzipped or not), a tensor saved by torch.save, or a directory of such tensors, joined in the
/// order of their names. Throws std::runtime_error, naming the file, for what cannot be read or has another shape.
[[nodiscard]] at::Tensor read_images(const std::filesystem::path& path);

/// Labels int64 [N], from the same kinds of file.
[[nodiscard]] at::Tensor read_labels(const std::filesystem::path& path);

/// Images and their labels.
struct samples {
  at::Tensor images;
  at::Tensor labels;

  [[nodiscard]] std::int64_t count() const { return labels.size(0); }
  /// The samples first..first+count-1; no copy.
  [[nodiscard]] samples part(std::int64_t first, std::int64_t count) const;
  /// The same samples as floats in [0, 1]: bytes are divided by 255, floating point is left as it is.
  [[nodiscard]] samples scaled() const;
};

/// Throws std::runtime_error where the two files hold different numbers of samples, or none.
/// `limit` keeps the first so many; 0 keeps all.
[[nodiscard]] samples read_samples(const std::filesystem::path& images, const std::filesystem::path& labels,
                                   std::int64_t limit = 0);

/// Images and their labels, read piece by piece: of a folder one file at a time, so that no more of the images than
/// that is in memory; anything else is one piece. Labels are few bytes and read at once, from files divided as they
/// like.
///
/// The constructor looks at the shapes in all files and at no values, so that files that do not fit together are
/// refused before any work. Throws as `read_samples`. `limit` keeps the first so many samples; 0 keeps all.
class sample_source {
 public:
  sample_source(const std::filesystem::path& images, const std::filesystem::path& labels, std::int64_t limit = 0);

  [[nodiscard]] std::int64_t count() const { return labels_.size(0); }
  [[nodiscard]] std::size_t pieces() const { return pieces_.size(); }
  /// Whether the images are in a folder's files and not in one.
  [[nodiscard]] bool divided() const { return !whole_.defined(); }
  /// Which of the samples is the first of a piece.
  [[nodiscard]] std::int64_t first_row(std::size_t piece) const { return pieces_.at(piece).first; }
  /// The file that a piece is read from.
  [[nodiscard]] const std::filesystem::path& file(std::size_t piece) const { return pieces_.at(piece).file; }
  /// The samples of a piece, as floats (see `samples::scaled`). Reads the file anew each time.
  [[nodiscard]] samples read(std::size_t piece) const;
  [[nodiscard]] const at::Tensor& labels() const { return labels_; }

 private:
  struct stretch {
    std::filesystem::path file;
    std::int64_t first = 0;
    std::int64_t count = 0;
  };
  std::vector<stretch> pieces_;
  at::Tensor whole_;  // the images, where they are not divided
  at::Tensor labels_;
};

/// The training or the test part of a data set in MNIST's four files, in the folder `data`.
[[nodiscard]] samples read_training_set(const std::filesystem::path& data);
[[nodiscard]] samples read_test_set(const std::filesystem::path& data);

/// Writes a tensor so that torch.load reads it; whole or not at all.
void write_tensor(const std::filesystem::path& path, const at::Tensor& tensor);

}  // namespace redoubt::program
