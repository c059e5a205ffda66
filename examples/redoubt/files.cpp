#include "files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <redoubt/core/error.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

namespace redoubt::program {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) {
  return std::generic_category().message(error);
}

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  fail("cannot write ", path.string(), ": ", why);
}

/// An open file descriptor, closed with it.
class descriptor {
 public:
  explicit descriptor(int number) : number_(number) {}
  ~descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  [[nodiscard]] int number() const { return number_; }

  /// Closes now, and says whether all that was written arrived (network file systems tell only here).
  [[nodiscard]] bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

/// Where `target` leads: a rename would replace a symbolic link, not the file it names.
fs::path followed(const fs::path& target) {
  std::error_code error;
  const fs::path whole = fs::is_symlink(target, error) ? fs::weakly_canonical(target, error) : target;
  return error ? target : whole;
}

void refuse_bad_target(const fs::path& target) {
  if (!target.has_filename()) {
    cannot_write(target, "this names no file");
  }
  std::error_code error;
  const fs::path folder = target.has_parent_path() ? target.parent_path() : ".";
  const fs::file_status place = fs::status(folder, error);
  if (place.type() == fs::file_type::not_found) {
    cannot_write(target, "there is no folder " + folder.string());
  }
  const fs::file_status present = fs::status(target, error);
  if (present.type() == fs::file_type::directory) {
    cannot_write(target, "it is a folder");
  }
  if (fs::exists(present) && present.type() != fs::file_type::regular) {
    cannot_write(target, "it is not a regular file");  // a rename would replace the device or pipe
  }
}

/// A name that no other writer of this folder takes: the process and a count within it.
fs::path beside(const fs::path& target) {
  static std::atomic<unsigned> count{0};
  const std::string suffix = "." + std::to_string(::getpid()) + "." + std::to_string(count++) + ".part";
  return target.parent_path() / ("." + target.filename().string().substr(0, 200) + suffix);
}

}  // namespace

staged_file::staged_file(const fs::path& target) : target_(followed(target)) {
  refuse_bad_target(target_);
  temporary_ = beside(target_);
  constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
  const descriptor file(::open(temporary_.c_str(), flags, 0666));
  if (file.number() < 0) {
    cannot_write(target_, reason(errno));
  }
}

staged_file::~staged_file() {
  std::error_code error;
  if (!temporary_.empty()) {
    fs::remove(temporary_, error);
  }
}

void staged_file::commit() {
  std::error_code error;
  fs::rename(temporary_, target_, error);
  if (error) {
    cannot_write(target_, error.message());
  }
  temporary_.clear();
}

staged_folder::staged_folder(const fs::path& target)
    // "out/" and "out" are one folder.
    : target_{target.has_filename() ? target : target.parent_path()}, temporary_{beside(target_)} {
  std::error_code error;
  if (fs::exists(target_, error) && !(fs::is_directory(target_, error) && fs::is_empty(target_, error))) {
    temporary_.clear();
    cannot_write(target_, "it is there already");
  }
  if (!fs::create_directory(temporary_, error) || error) {
    temporary_.clear();
    cannot_write(target_, error.message());
  }
}

staged_folder::~staged_folder() {
  std::error_code error;
  if (!temporary_.empty()) {
    fs::remove_all(temporary_, error);
  }
}

void staged_folder::commit() {
  std::error_code error;
  fs::rename(temporary_, target_, error);
  if (error) {
    cannot_write(target_, error.message());
  }
  temporary_.clear();
}

used_folder::used_folder(fs::path folder) : folder_{std::move(folder)} {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error || !fs::is_directory(folder_)) {
    cannot_write(folder_, error ? error.message() : "it is not a folder");
  }
}

used_folder::~used_folder() {
  std::error_code not_empty;
  fs::remove(folder_, not_empty);
}

void require_writable(const fs::path& path) {
  const staged_file probe(path);
}

void write_whole(const fs::path& path, std::string_view bytes) {
  staged_file staged(path);
  descriptor file(::open(staged.path().c_str(), O_WRONLY | O_CLOEXEC));
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      cannot_write(path, reason(errno));
    }
    bytes.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  if (!file.close()) {
    cannot_write(path, reason(errno));
  }
  staged.commit();
}

std::string read_whole(const fs::path& path) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0) {
    fail("cannot read ", path.string(), ": ", reason(errno));
  }
  std::string bytes;
  std::array<char, 1 << 16> block{};
  while (true) {
    const ssize_t got = ::read(file.number(), block.data(), block.size());
    if (got == 0) {
      return bytes;
    }
    if (got < 0 && errno != EINTR) {
      fail("cannot read ", path.string(), ": ", reason(errno));
    }
    bytes.append(block.data(), got < 0 ? 0 : static_cast<std::size_t>(got));
  }
}

}  // namespace redoubt::program
