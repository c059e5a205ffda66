#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace redoubt::program {

/// Whether `bytes` begin as a gzip stream does.
[[nodiscard]] bool is_gzip(std::string_view bytes);

/// Unpacks the gzip stream `bytes` (of one member or several), at most the first `limit` bytes of what it holds.
///
/// Stops at the limit without looking at the rest; a stream that ends before it is checked to its last byte.
/// Throws std::runtime_error that says how the stream is damaged (truncated, wrong checksum, ...), without a name.
[[nodiscard]] std::string gunzip(std::string_view bytes, std::size_t limit);

}  // namespace redoubt::program
