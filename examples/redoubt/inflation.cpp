#include "inflation.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace redoubt::program {
namespace {

/// Counts what a stream inflates to.
class counter {
 public:
  explicit counter(std::size_t most) : most_{most}, works_{inflateInit2(&stream_, either_format) == Z_OK} {}
  ~counter() { inflateEnd(&stream_); }
  counter(const counter&) = delete;
  counter& operator=(const counter&) = delete;

  [[nodiscard]] inflation result() const {
    if (count_ > most_) {
      return inflation::too_large;
    }
    return works_ && at_end_ ? inflation::fits : inflation::damaged;
  }

  void feed(std::string_view bytes) {
    while (goes_on() && !bytes.empty()) {
      const std::size_t portion = std::min<std::size_t>(bytes.size(), std::numeric_limits<uInt>::max());
      // zlib reads through this pointer only, but its type predates const.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream_.avail_in = static_cast<uInt>(portion);
      inflate_what_is_fed();
      bytes.remove_prefix(portion);
    }
  }

 private:
  static constexpr int either_format = 32 + MAX_WBITS;

  [[nodiscard]] bool goes_on() const { return works_ && count_ <= most_; }

  void inflate_what_is_fed() {
    do {
      stream_.next_out = block_.data();
      stream_.avail_out = static_cast<uInt>(block_.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      count_ += block_.size() - stream_.avail_out;
      if (status == Z_BUF_ERROR) {  // it only wants more
        return;
      }
      works_ = status == Z_OK || status == Z_STREAM_END;
      at_end_ = status == Z_STREAM_END;
      if (at_end_) {
        inflateReset(&stream_);  // another member may follow
      }
    } while (goes_on() && (stream_.avail_in > 0 || stream_.avail_out == 0));
  }

  z_stream stream_{};
  std::array<Bytef, 1 << 15> block_;
  std::size_t most_;
  std::size_t count_ = 0;
  bool works_;
  bool at_end_ = false;
};

}  // namespace

inflation try_inflation(const std::vector<std::string_view>& parts, std::size_t most) {
  counter inflated{most};
  for (const std::string_view& part : parts) {
    inflated.feed(part);
  }
  return inflated.result();
}

}  // namespace redoubt::program
