#include "http_frame.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace redoubt::program {
namespace {

constexpr std::size_t most_head = std::size_t{32} << 10;
constexpr std::size_t most_line = 256;  // of a chunk's head
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view head_end = "\r\n\r\n";

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos ? std::string_view{}
                                         : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool number_in(std::string_view text, std::size_t& number, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end == text.data() + text.size();
}

// The size in a chunk's first line, which may go on.
std::string_view size_in(std::string_view line) {
  return trimmed(line.substr(0, line.find(';')));
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

http_frame::state http_frame::refuse(int status, std::string why) {
  status_ = status;
  why_ = std::move(why);
  return state::refused;
}

http_frame::state http_frame::look(std::string_view bytes) {
  if (status_ != 0) {
    return state::refused;
  }
  if (head_ == 0) {
    const std::size_t end = bytes.find(head_end, seen_ - std::min(seen_, head_end.size() - 1));
    if (std::min(end, bytes.size()) > most_head) {
      return refuse(431, "the request's head is longer than this server takes");
    }
    if (end == std::string_view::npos) {
      seen_ = bytes.size();
      return state::open;
    }
    if (!read_head(bytes.substr(0, end))) {
      return state::refused;
    }
    head_ = next_ = end + head_end.size();
  }
  if (chunked_) {
    return look_at_chunks(bytes);
  }
  size_ = head_ + body_;
  return bytes.size() >= size_ ? state::whole : state::open;
}

bool http_frame::read_head(std::string_view head) {
  std::size_t at = head.find(line_end);
  while (at != std::string_view::npos) {
    head.remove_prefix(at + line_end.size());
    at = head.find(line_end);
    const std::string_view line = head.substr(0, at);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_name(line.substr(0, colon))) {
      refuse(400, "a line of the request's head is no header");
      return false;
    }
    if (!read_field(line.substr(0, colon), trimmed(line.substr(colon + 1)))) {
      return false;
    }
  }
  if (chunked_ && has_length_) {
    refuse(400, "the request has Content-Length and Transfer-Encoding");
  } else if (body_ > most_body_) {
    refuse(413, "the body is larger than this server takes");
  }
  return status_ == 0;
}

bool http_frame::read_field(std::string_view name, std::string_view value) {
  if (same_name(name, "Content-Length")) {
    if (has_length_ || !number_in(value, body_, 10)) {
      refuse(400, "Content-Length must be one number of bytes");
    }
    has_length_ = true;
  } else if (same_name(name, "Transfer-Encoding")) {
    if (chunked_ || !same_name(value, "chunked")) {
      refuse(400, "Transfer-Encoding must be chunked or absent");
    }
    chunked_ = true;
  } else if (same_name(name, "Expect")) {
    waits_ = same_name(value, "100-continue");
  } else if (same_name(name, "Content-Encoding") && !same_name(value, "identity")) {
    if (value != "gzip" && value != "deflate") {
      refuse(415, "Content-Encoding must be gzip or deflate");
    }
    compressed_ = true;
  }
  return status_ == 0;
}

http_frame::state http_frame::look_at_chunks(std::string_view bytes) {
  while (true) {
    const std::size_t end = bytes.find(line_end, std::min(next_, bytes.size()));
    const std::size_t length = std::min(end, bytes.size()) - std::min(next_, bytes.size());
    if (length > most_line) {
      return refuse(400, "a chunk of the body has no size");
    }
    if (end == std::string_view::npos) {
      return state::open;
    }
    const std::string_view line = bytes.substr(next_, length);
    if (trailer_ && line.empty()) {
      size_ = end + line_end.size();
      return state::whole;
    }
    std::size_t size = 0;
    if (!trailer_ && !number_in(size_in(line), size, 16)) {
      return refuse(400, "a chunk of the body has no size");
    }
    next_ = end + line_end.size();
    if (size > most_body_ || next_ + size - head_ > most_body_ + most_head) {
      return refuse(413, "the body is larger than this server takes");
    }
    if (size == 0) {
      trailer_ = true;  // its lines, of which none says anything here, end with an empty one
      continue;
    }
    next_ += size;
    if (bytes.size() < next_ + line_end.size()) {
      next_ = end - length;  // looked at once more when more has come
      return state::open;
    }
    if (bytes.substr(next_, line_end.size()) != line_end) {
      return refuse(400, "a chunk of the body is not as long as it says");
    }
    next_ += line_end.size();
  }
}

std::vector<std::string_view> http_frame::body(std::string_view bytes) const {
  if (!chunked_) {
    return {bytes.substr(head_, body_)};
  }
  std::vector<std::string_view> chunks;
  std::size_t at = head_;
  while (true) {
    const std::size_t end = bytes.find(line_end, at);
    std::size_t size = 0;
    number_in(size_in(bytes.substr(at, end - at)), size, 16);
    if (size == 0) {
      return chunks;
    }
    chunks.push_back(bytes.substr(end + line_end.size(), size));
    at = end + line_end.size() + size + line_end.size();
  }
}

}  // namespace redoubt::program
