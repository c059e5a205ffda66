#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::program {

/// Where an HTTP/1 request that comes in pieces ends. It reads no more of it than that takes (RFC 9112, section 6), and
/// refuses what two readers could take for requests of different length.
class http_frame {
 public:
  explicit http_frame(std::size_t most_body) : most_body_{most_body} {}

  enum class state {
    open,    ///< more must come
    whole,   ///< the first `size()` bytes are a request
    refused  ///< see `status` and `why`; where a next request would begin is not known
  };

  /// `bytes`: all that has come since the request's first byte. Cost: linear in what has come since the last look.
  state look(std::string_view bytes);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& why() const { return why_; }
  /// The sender waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool waits() const { return waits_; }
  /// The body is gzip or zlib data (Content-Encoding).
  [[nodiscard]] bool is_compressed() const { return compressed_; }
  /// The body of the whole request, whose bytes are given: chunk by chunk.
  [[nodiscard]] std::vector<std::string_view> body(std::string_view bytes) const;

 private:
  state refuse(int status, std::string why);
  bool read_head(std::string_view head);
  bool read_field(std::string_view name, std::string_view value);
  state look_at_chunks(std::string_view bytes);

  std::size_t most_body_;
  std::size_t seen_ = 0;  // of the head: no end in it
  std::size_t head_ = 0;  // its size, once it is whole
  std::size_t body_ = 0;  // its size, where it is announced
  std::size_t next_ = 0;  // where the next chunk begins
  bool has_length_ = false;
  bool chunked_ = false;
  bool trailer_ = false;  // the last chunk is past
  bool waits_ = false;
  bool compressed_ = false;
  std::size_t size_ = 0;
  int status_ = 0;
  std::string why_;
};

}  // namespace redoubt::program
