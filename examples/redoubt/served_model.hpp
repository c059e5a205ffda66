#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <redoubt/model/script.hpp>
#include <string>
#include <vector>

namespace redoubt::program {

/// A TorchScript file that is served, and takes its successor's place while others ask.
class served_model {
 public:
  /// One state of the file: whoever holds it is not troubled by what comes after.
  struct edition {
    script_model model;
    std::int64_t version;  ///< 1, 2, ...
    std::int64_t classes;
    std::string digest;  ///< of the file's bytes
  };

  /// Loads the file and infers once, of an input of zeros of shape [1, sample...]. Throws std::runtime_error, naming
  /// the file, where that fails or does not give finite logits [1, C].
  served_model(std::filesystem::path file, std::vector<std::int64_t> sample);

  [[nodiscard]] std::shared_ptr<const edition> current() const;

  /// The same with the file as it is now, in the old one's place if all is well and it has as many classes. Else the
  /// old one stays, and what was wrong comes back. Slow; others ask meanwhile.
  [[nodiscard]] std::optional<std::string> reload();

  /// What a look at the file led to.
  enum class change { none, swapped, refused };
  struct finding {
    change what = change::none;
    std::string why;  ///< where it was refused
  };

  /// Reloads where the file has become another since it was loaded or refused, and has stayed so between two looks: one
  /// that is being written is left alone. For one thread.
  [[nodiscard]] finding look();

  /// The sizes of a batch of so many samples.
  [[nodiscard]] std::vector<std::int64_t> batch_shape(std::int64_t samples) const;
  [[nodiscard]] const std::vector<std::int64_t>& sample() const { return sample_; }  ///< sizes of one
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  // What tells one state of a file from another.
  struct mark {
    std::int64_t seconds = 0;  // when it was written
    std::int64_t nanoseconds = 0;
    std::int64_t size = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const mark&, const mark&) = default;
  };

  [[nodiscard]] std::optional<mark> marked() const;
  [[nodiscard]] std::shared_ptr<const edition> load(std::int64_t version) const;

  std::filesystem::path file_;
  std::vector<std::int64_t> sample_;
  std::optional<mark> tried_;  // of the file when it was loaded or refused
  std::optional<mark> seen_;   // at the last look
  mutable std::mutex mutex_;
  std::shared_ptr<const edition> current_;
};

}  // namespace redoubt::program
