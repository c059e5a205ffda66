#include "idx.hpp"

#include "files.hpp"
#include "gzip_bytes.hpp"
#include "temporary_folder.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

using namespace redoubt::program;

namespace {

/// The header of an IDX file of unsigned bytes.
std::string header(const std::vector<std::uint32_t>& shape, char type = 8) {
  std::string bytes{'\0', '\0', type, static_cast<char>(shape.size())};
  for (const std::uint32_t size : shape) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
      bytes += static_cast<char>(size >> shift & 0xFFU);
    }
  }
  return bytes;
}

/// What reading a file of these bytes answers, its name left out.
std::string refusal(const std::string& bytes) {
  const temporary_folder folder;
  const std::string path = (folder / "data.idx").string();
  write_whole(path, bytes);
  const std::string message = message_of<std::runtime_error>([&] { static_cast<void>(read_idx(path)); });
  const std::string start = "cannot read " + path + ": ";
  REQUIRE_MESSAGE(message.starts_with(start), message);
  CHECK(message.find('\n') == std::string::npos);
  return message.substr(start.size());
}

}  // namespace

TEST_CASE("shape and values are read, packed or not, whatever the file's name") {
  const temporary_folder folder;
  const std::string bytes = header({2, 1, 3}) + std::string("\x00\x01\x7f\x80\xfe\xff", 6);
  write_whole(folder / "plain.gz", bytes);
  write_whole(folder / "packed", gzipped(bytes));
  for (const char* name : {"plain.gz", "packed"}) {
    const idx data = read_idx(folder / name);
    CHECK(data.shape == std::vector<std::int64_t>{2, 1, 3});
    CHECK(data.values == std::vector<std::uint8_t>{0, 1, 127, 128, 254, 255});
  }
}

TEST_CASE("labels are an IDX file of one dimension") {
  const temporary_folder folder;
  write_whole(folder / "labels", header({3}) + "\x07\x08\x09");
  CHECK(read_idx(folder / "labels").shape == std::vector<std::int64_t>{3});
}

TEST_CASE("what is no IDX file is named as such") {
  const std::string no_idx = "no IDX file (it would begin with two zero bytes and a value type)";
  CHECK(refusal("") == no_idx);
  CHECK(refusal("abc") == no_idx);
  CHECK(refusal("\x89PNG\r\n") == no_idx);
  CHECK(refusal(gzipped("<html>")) == no_idx);
}

TEST_CASE("another value type is refused with its number") {
  CHECK(refusal(header({1}, 13) + "abcd") == "IDX value type 13; only 8 (unsigned byte) is read");
}

TEST_CASE("a file that ends too soon says how much of it there is") {
  CHECK(refusal(header({2, 2}).substr(0, 9)) == "it ends within the IDX header");
  CHECK(refusal(header({2, 2}) + "abc") == "truncated: 3 values of 4 (2 x 2)");
  CHECK(refusal(gzipped(header({2, 2}) + "abc")) == "truncated: 3 values of 4 (2 x 2)");
}

TEST_CASE("values beyond the shape are refused") {
  CHECK(refusal(header({2, 2}) + "abcde") == "more values than its shape 2 x 2 has");
  CHECK(refusal(gzipped(header({2, 2}) + std::string(1'000'000, 'x'))) == "more values than its shape 2 x 2 has");
}

TEST_CASE("an absurd shape costs no memory") {
  const std::string limits = " (each size >= 1, at most 4 GiB of values)";
  CHECK(refusal(header({0, 28, 28})) == "an absurd shape, 0 x 28 x 28" + limits);
  CHECK(refusal(header({0xFFFFFFFFU, 0xFFFFFFFFU})) == "an absurd shape, 4294967295 x 4294967295" + limits);
  CHECK(refusal(header({0xFFFFFFFFU}) + "abc") == "truncated: 3 values of 4294967295 (4294967295)");
  CHECK(refusal(gzipped(header({0xFFFFFFFFU}) + "abc")) == "truncated: 3 values of 4294967295 (4294967295)");
  CHECK(refusal(header({})) == "an IDX file of 0 dimensions; 1 to 8 are read");
  CHECK(refusal(header(std::vector<std::uint32_t>(9, 1)) + "a") == "an IDX file of 9 dimensions; 1 to 8 are read");
}

TEST_CASE("a damaged gzip stream is named as such") {
  const std::string packed = gzipped(header({100, 10}) + std::string(1000, 'x'));
  CHECK(refusal(packed.substr(0, packed.size() - 3)) == "the gzip stream is truncated");
  std::string wrong_sum = packed;
  wrong_sum[packed.size() - 6] = static_cast<char>(~wrong_sum[packed.size() - 6]);
  CHECK(refusal(wrong_sum) == "the gzip stream is damaged (incorrect data check)");
}

TEST_CASE("a file that is not there is named") {
  CHECK(message_of<std::runtime_error>([] { static_cast<void>(read_idx("/nowhere/x")); }) ==
        "cannot read /nowhere/x: No such file or directory");
}
