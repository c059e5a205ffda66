#include "files.hpp"

#include "temporary_folder.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace fs = std::filesystem;
using namespace redoubt::program;

namespace {

std::string refusal(const fs::path& path) {
  return message_of<std::runtime_error>([&] { write_whole(path, "x"); });
}

}  // namespace

TEST_CASE("what was written is read back, byte for byte") {
  const temporary_folder folder;
  std::string bytes(300'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(i * i / 7);
  }
  for (const std::string& content : {std::string(), std::string("a\0b\n", 4), bytes}) {
    write_whole(folder / "file", content);
    CHECK(read_whole(folder / "file") == content);
  }
  CHECK(folder.entries() == 1);
}

TEST_CASE("a file replaces the one that was there") {
  const temporary_folder folder;
  write_whole(folder / "file", "long and old");
  write_whole(folder / "file", "new");
  CHECK(read_whole(folder / "file") == "new");
}

TEST_CASE("a file has the permissions that any new file has") {
  const temporary_folder folder;
  const mode_t mask = ::umask(027);
  write_whole(folder / "file", "x");
  ::umask(mask);
  CHECK((fs::status(folder / "file").permissions() & fs::perms::all) == fs::perms{0640});
}

TEST_CASE("a symbolic link stays, and the file that it names is replaced") {
  const temporary_folder folder;
  write_whole(folder / "file", "old");
  fs::create_symlink("file", folder / "link");
  write_whole(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_whole(folder / "file") == "new");
  CHECK(folder.entries() == 2);
}

TEST_CASE("a staged file that is not committed leaves the old one and nothing else") {
  const temporary_folder folder;
  write_whole(folder / "file", "old");
  {
    const staged_file staged(folder / "file");
    CHECK(staged.path().parent_path() == (folder / "file").parent_path());
    CHECK(folder.entries() == 2);
  }
  CHECK(read_whole(folder / "file") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("two staged files of one target do not share a temporary") {
  const temporary_folder folder;
  const staged_file one(folder / "file");
  const staged_file other(folder / "file");
  CHECK(one.path() != other.path());
}

TEST_CASE("a file name of the longest length can be staged") {
  const temporary_folder folder;
  const std::string name(255, 'n');
  write_whole(folder / name, "x");
  CHECK(read_whole(folder / name) == "x");
}

TEST_CASE("what cannot be written is refused with its name and the reason, and leaves nothing") {
  const temporary_folder folder;
  const std::string at = (folder / "").string();
  CHECK(refusal(folder / "no/file") == "cannot write " + at + "no/file: there is no folder " + at + "no");
  CHECK(refusal(at) == "cannot write " + at + ": this names no file");
  fs::create_directory(folder / "sub");
  CHECK(refusal(folder / "sub") == "cannot write " + at + "sub: it is a folder");
  CHECK(refusal("/dev/null") == "cannot write /dev/null: it is not a regular file");
  write_whole(folder / "file", "x");
  CHECK(refusal(folder / "file/below") == "cannot write " + at + "file/below: Not a directory");
  CHECK(folder.entries() == 2);
}

TEST_CASE("a folder without permission is named before anything is lost") {
  if (::geteuid() == 0) {
    return;  // root may write everywhere
  }
  const temporary_folder folder;
  fs::create_directory(folder / "locked");
  fs::permissions(folder / "locked", fs::perms{0500});
  const std::string target = (folder / "locked/file").string();
  const std::string message = message_of<std::runtime_error>([&] { require_writable(target); });
  CHECK(message == "cannot write " + target + ": Permission denied");
}

TEST_CASE("asking whether a file can be written changes nothing") {
  const temporary_folder folder;
  require_writable(folder / "file");
  CHECK(folder.entries() == 0);
}

TEST_CASE("what cannot be read is refused with its name and the reason") {
  const temporary_folder folder;
  const auto refused = [](const fs::path& path) {
    return message_of<std::runtime_error>([&] { static_cast<void>(read_whole(path)); });
  };
  CHECK(refused(folder / "none") == "cannot read " + (folder / "none").string() + ": No such file or directory");
  CHECK(refused(folder / "") == "cannot read " + (folder / "").string() + ": Is a directory");
}

TEST_CASE("a folder takes its name when it is whole, and goes with all that is in it when it is not") {
  const temporary_folder folder;
  {
    const staged_folder given_up(folder / "out");
    write_whole(given_up.path() / "a", "x");
    CHECK(folder.entries() == 1);
    CHECK_FALSE(fs::exists(folder / "out"));
  }
  CHECK(folder.entries() == 0);
  fs::create_directory(folder / "out");  // an empty one may be there
  staged_folder whole(folder / "out/");
  write_whole(whole.path() / "a", "x");
  whole.commit();
  CHECK(read_whole(folder / "out/a") == "x");
  CHECK(folder.entries() == 1);
  const auto refused = [&](const std::string& name) {
    return message_of<std::runtime_error>([&] { const staged_folder none(folder / name); });
  };
  CHECK(refused("out") == "cannot write " + (folder / "out").string() + ": it is there already");
  CHECK(refused("none/out") == "cannot write " + (folder / "none/out").string() + ": No such file or directory");
  CHECK(folder.entries() == 1);
}

TEST_CASE("a folder that nothing was put into goes, one that holds something stays") {
  const temporary_folder folder;
  { const used_folder empty(folder / "a/b"); }
  CHECK_FALSE(fs::exists(folder / "a/b"));
  {
    const used_folder full(folder / "a");
    write_whole(full.path() / "file", "x");
  }
  CHECK(read_whole(folder / "a/file") == "x");
  CHECK(message_of<std::runtime_error>([&] {
          const used_folder none(folder / "a/file");
        }).starts_with("cannot write " + (folder / "a/file").string() + ": "));
}
