#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace redoubt::program {

/// The content of an IDX file of unsigned bytes, the format of MNIST and its successors.
struct idx {
  std::vector<std::int64_t> shape;   ///< sizes, slowest first: {N} for labels, {N, H, W} for images; each >= 1
  std::vector<std::uint8_t> values;  ///< row-major, as many as the product of `shape`
};

/// Reads `path`, gzipped or not (told by its first bytes, whatever its name).
///
/// At most 4 GiB of values; no more memory than the file's own header declares, so that a small file cannot unpack
/// into a large one. Throws std::runtime_error, one line that names the file and what is wrong: no IDX file, another
/// value type, an absurd shape, more or fewer values than the shape has, a damaged gzip stream.
[[nodiscard]] idx read_idx(const std::filesystem::path& path);

}  // namespace redoubt::program
