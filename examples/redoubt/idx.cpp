#include "idx.hpp"

#include "files.hpp"
#include "gzip.hpp"

#include <redoubt/core/error.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace redoubt::program {
namespace {

constexpr std::size_t most_values = std::size_t{4} << 30;
constexpr std::size_t most_dimensions = 8;
constexpr std::size_t longest_header = 4 + 4 * most_dimensions;

std::size_t byte(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::int64_t big_endian(std::string_view bytes, std::size_t at) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value * 256 + static_cast<std::int64_t>(byte(bytes, at + i));
  }
  return value;
}

std::string spelled(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) {
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  }
  return text;
}

struct header {
  std::vector<std::int64_t> shape;
  std::size_t length = 0;  ///< of the header itself
  std::size_t values = 1;  ///< the product of `shape`
};

/// Magic number (two zeros, the value type, the number of dimensions), then one big-endian size a dimension.
header parse_header(std::string_view bytes) {
  if (bytes.size() < 4 || byte(bytes, 0) != 0 || byte(bytes, 1) != 0) {
    fail("no IDX file (it would begin with two zero bytes and a value type)");
  }
  if (constexpr std::size_t unsigned_byte = 8; byte(bytes, 2) != unsigned_byte) {
    fail("IDX value type ", byte(bytes, 2), "; only 8 (unsigned byte) is read");
  }
  const std::size_t dimensions = byte(bytes, 3);
  if (dimensions < 1 || dimensions > most_dimensions) {
    fail("an IDX file of ", dimensions, " dimensions; 1 to ", most_dimensions, " are read");
  }
  header result{.shape = {}, .length = 4 + 4 * dimensions};
  if (bytes.size() < result.length) {
    fail("it ends within the IDX header");
  }
  for (std::size_t at = 4; at < result.length; at += 4) {
    result.shape.push_back(big_endian(bytes, at));
  }
  for (const std::int64_t size : result.shape) {
    if (size < 1 || result.values > most_values / static_cast<std::size_t>(size)) {
      fail("an absurd shape, ", spelled(result.shape), " (each size >= 1, at most 4 GiB of values)");
    }
    result.values *= static_cast<std::size_t>(size);
  }
  return result;
}

idx parse(const std::string& bytes) {
  const bool packed = is_gzip(bytes);
  const header start = parse_header(packed ? gunzip(bytes, longest_header) : bytes);
  const std::size_t whole = start.length + start.values;
  const std::string unpacked = packed ? gunzip(bytes, whole + 1) : std::string();  // one more: is there too much?
  const std::string_view content = packed ? unpacked : bytes;
  if (content.size() < whole) {
    fail("truncated: ", content.size() - start.length, " values of ", start.values, " (", spelled(start.shape), ")");
  }
  if (content.size() > whole) {
    fail("more values than its shape ", spelled(start.shape), " has");
  }
  const std::string_view values = content.substr(start.length);
  return {.shape = start.shape, .values = {values.begin(), values.end()}};
}

}  // namespace

idx read_idx(const std::filesystem::path& path) {
  const std::string bytes = read_whole(path);
  try {
    return parse(bytes);
  } catch (const std::runtime_error& error) {
    fail("cannot read ", path.string(), ": ", error.what());
  }
}

}  // namespace redoubt::program
