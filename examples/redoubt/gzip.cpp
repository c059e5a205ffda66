#include "gzip.hpp"

#include <zlib.h>

#include <redoubt/core/error.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace redoubt::program {
namespace {

/// zlib's inflating stream, ended with it.
class inflater {
 public:
  inflater() {
    constexpr int gzip_only = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, gzip_only) != Z_OK) {
      fail("zlib could not start");
    }
  }
  ~inflater() { inflateEnd(&stream_); }
  inflater(const inflater&) = delete;
  inflater& operator=(const inflater&) = delete;

  z_stream* operator->() { return &stream_; }
  z_stream* get() { return &stream_; }

 private:
  z_stream stream_{};
};

/// Gives the stream its next input: zlib counts in 32 bits.
void feed(inflater& stream, std::string_view& bytes) {
  constexpr std::size_t most = std::numeric_limits<uInt>::max();
  const std::size_t portion = std::min(bytes.size(), most);
  // zlib reads through this pointer only, but its type predates const.
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream->avail_in = static_cast<uInt>(portion);
  bytes.remove_prefix(portion);
}

[[noreturn]] void refuse(int status, const char* message) {
  if (status == Z_BUF_ERROR) {
    fail("the gzip stream is truncated");
  }
  if (status == Z_MEM_ERROR) {
    fail("out of memory");
  }
  fail("the gzip stream is damaged (", message != nullptr ? message : "bad data", ")");
}

}  // namespace

bool is_gzip(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

std::string gunzip(std::string_view bytes, std::size_t limit) {
  inflater stream;
  std::string result;
  std::array<char, 1 << 16> block;
  while (result.size() < limit) {
    if (stream->avail_in == 0) {
      feed(stream, bytes);
    }
    stream->next_out = reinterpret_cast<Bytef*>(block.data());
    stream->avail_out = static_cast<uInt>(block.size());
    const int status = inflate(stream.get(), Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END) {
      refuse(status, stream->msg);
    }
    result.append(block.data(), block.size() - stream->avail_out);
    if (status == Z_STREAM_END) {
      const std::string_view rest(reinterpret_cast<const char*>(stream->next_in), stream->avail_in);
      if (!is_gzip(rest)) {
        break;  // padding after the last member is ignored, as gzip does
      }
      inflateReset(stream.get());
    }
  }
  result.resize(std::min(result.size(), limit));
  return result;
}

}  // namespace redoubt::program
