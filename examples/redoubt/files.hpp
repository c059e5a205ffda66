#pragma once

#include "interrupt.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace redoubt::program {

/// A file in the making: it is written beside its target and takes the target's name when it is whole.
///
/// Write to `path()`, then `commit()`; without a commit the temporary goes and the target stays as it was. Ctrl-C
/// waits for the end of one, so that none is left behind: hold one for the writing, not for the work before it.
/// Throws std::runtime_error, one line with path and reason, if the target cannot be written.
class staged_file {
 public:
  explicit staged_file(const std::filesystem::path& target);
  ~staged_file();
  staged_file(const staged_file&) = delete;
  staged_file& operator=(const staged_file&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return temporary_; }

  /// Puts the file in the target's place in one step: a reader sees the old one or the new one, nothing between.
  void commit();

 private:
  interrupt_watch watch_;
  std::filesystem::path target_;
  std::filesystem::path temporary_;
};

/// A folder in the making: it is filled beside its target and takes the target's name when all is in it.
///
/// Fill `path()`, then `commit()`; without a commit it goes with all that is in it. Throws std::runtime_error, one line
/// with path and reason, if the target is there already (but for an empty folder) or its place cannot be written to.
class staged_folder {
 public:
  explicit staged_folder(const std::filesystem::path& target);
  ~staged_folder();
  staged_folder(const staged_folder&) = delete;
  staged_folder& operator=(const staged_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return temporary_; }

  void commit();

 private:
  interrupt_watch watch_;
  std::filesystem::path target_;
  std::filesystem::path temporary_;
};

/// A folder, made where it is missing. It goes with the object while it is empty: work that failed before its first
/// file leaves nothing behind, and what else is in there is not ours to remove.
///
/// Throws std::runtime_error, one line with path and reason, where it cannot be made.
class used_folder {
 public:
  explicit used_folder(std::filesystem::path folder);
  ~used_folder();
  used_folder(const used_folder&) = delete;
  used_folder& operator=(const used_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return folder_; }

 private:
  std::filesystem::path folder_;
};

/// Throws what writing `path` would throw, while nothing is lost yet: for before the work whose result goes there.
void require_writable(const std::filesystem::path& path);

/// Writes `bytes` to the file `path`, whole or not at all. Creates no folder.
/// Throws std::runtime_error, one line with path and reason.
void write_whole(const std::filesystem::path& path, std::string_view bytes);

/// All bytes of the file (or pipe) `path`. Throws std::runtime_error, one line with path and reason.
[[nodiscard]] std::string read_whole(const std::filesystem::path& path);

}  // namespace redoubt::program
