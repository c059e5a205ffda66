#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <redoubt/core/detail/fnv1a.hpp>
#include <redoubt/core/error.hpp>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace redoubt::detail {

/// What an exception of LibTorch's says, without its backtrace or listing.
inline std::string first_line(const std::exception& error) {
  const auto* const torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  const std::size_t begin = std::min(text.find_first_not_of('\n'), text.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

/// The hash of `bytes` in 16 hexadecimal digits.
inline std::string seal_of(const std::string& bytes) {
  std::ostringstream digits;
  digits << std::hex << std::setw(16) << std::setfill('0') << fnv1a(bytes);
  return digits.str();
}

/// Writes the archive with its seal, whole or not at all: to a file beside `path`, then renamed.
///
/// Throws std::runtime_error that names the file and calls it `what`.
inline void write_sealed(const char* what, const std::string& path, torch::serialize::OutputArchive& archive) {
  const std::string unfinished = path + ".unfinished";
  try {
    std::ostringstream stream;
    archive.save_to(stream);
    const std::string bytes = stream.str();
    std::ofstream out{unfinished, std::ios::binary};
    out << bytes << seal_of(bytes);
    out.close();
    if (!out) {
      fail(std::generic_category().message(errno));
    }
    std::filesystem::rename(unfinished, path);
  } catch (const std::exception& error) {
    std::remove(unfinished.c_str());
    fail("cannot write the ", what, ' ', path, ": ", first_line(error));
  }
}

/// The bytes of the archive that `write_sealed` wrote; throws std::runtime_error for a missing or damaged file.
///
/// LibTorch reads archives without a look at their checksums: a byte changed in a weight would go unnoticed.
inline std::string read_sealed(const char* what, const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    fail("cannot read the ", what, ' ', path, ": no such file");
  }
  std::ifstream in{path, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  const std::size_t end = bytes.size() - std::min<std::size_t>(bytes.size(), 16);
  const std::string seal = bytes.substr(end);
  bytes.resize(end);
  if (!in || seal != seal_of(bytes)) {
    fail("cannot read the ", what, ' ', path, ": damaged or not a ", what);
  }
  return bytes;
}

inline void write_list(torch::serialize::OutputArchive& archive, const std::string& name,
                       const std::vector<at::Tensor>& tensors) {
  torch::serialize::OutputArchive list;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    list.write(std::to_string(i), tensors[i]);
  }
  list.write("size", at::IValue(static_cast<std::int64_t>(tensors.size())));
  archive.write(name, list);
}

inline std::vector<at::Tensor> read_list(torch::serialize::InputArchive& archive, const std::string& name) {
  torch::serialize::InputArchive list;
  archive.read(name, list);
  at::IValue size;
  list.read("size", size);
  std::vector<at::Tensor> tensors(static_cast<std::size_t>(size.toInt()));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    list.read(std::to_string(i), tensors[i]);
  }
  return tensors;
}

}  // namespace redoubt::detail
