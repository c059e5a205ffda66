#pragma once

#include <unistd.h>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <redoubt/core/error.hpp>
#include <redoubt/distributed/agreement.hpp>
#include <redoubt/distributed/process_group.hpp>
#include <string>
#include <system_error>

namespace redoubt {

namespace detail {

/// A file of the temporary folder with these bytes, for as long as the object lives.
class temporary_copy {
 public:
  temporary_copy(const std::string& bytes, int rank)
      : path_{std::filesystem::temp_directory_path() /
              ("redoubt." + std::to_string(::getpid()) + "." + std::to_string(rank) + ".checkpoint")} {
    std::ofstream out{path_, std::ios::binary};
    out << bytes;
    out.close();
    if (!out) {
      std::error_code ignored;
      std::filesystem::remove(path_, ignored);
      fail("cannot write ", path_.string(), ", where rank 0's checkpoint is put for this process to read");
    }
  }
  ~temporary_copy() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  temporary_copy(const temporary_copy&) = delete;
  temporary_copy& operator=(const temporary_copy&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace detail

/// Every rank goes on from the checkpoint that rank 0 finds at `path`; false, on every rank, where it finds none.
///
/// The others need no access to the file: it is sent to them, and lies in each one's temporary folder while it is read.
/// Throws on every rank what `trainer.resume` throws of it; std::runtime_error where a temporary folder takes no file.
template <class Trainer>
bool resume_together(const process_group& group, Trainer& trainer, const std::string& path) {
  const bool found =
      any_rank(group, group.rank() == 0 && std::filesystem::is_regular_file(path), "look for a checkpoint");
  if (!found || group.world() == 1) {
    if (found) {
      trainer.resume(path);
    }
    return found;
  }
  std::string bytes;
  if (group.rank() == 0) {
    std::ifstream in{path, std::ios::binary};
    bytes.assign(std::istreambuf_iterator<char>{in}, {});
  }
  bytes = broadcast_bytes(group, bytes, "send the checkpoint");
  if (group.rank() == 0) {
    trainer.resume(path);
  } else {
    trainer.resume(detail::temporary_copy{bytes, group.rank()}.path());
  }
  return found;
}

}  // namespace redoubt
