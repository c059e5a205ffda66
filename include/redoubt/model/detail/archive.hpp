#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace redoubt::detail {

/// CRC-32 as zip archives use it (ISO 3309): reflected, polynomial 0xEDB88320.
[[nodiscard]] inline std::uint32_t crc32(std::string_view bytes) {
  static constexpr auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      made[i] = i;
      for (int bit = 0; bit < 8; ++bit) {
        made[i] = (made[i] >> 1) ^ ((made[i] & 1U) * 0xEDB88320U);
      }
    }
    return made;
  }();
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ table[(crc ^ static_cast<std::uint8_t>(byte)) & 0xFFU];
  }
  return ~crc;
}

/// Little-endian numbers of an archive; reading past the end gives 0 and is remembered.
class archive_bytes {
 public:
  explicit archive_bytes(std::string_view bytes) : bytes_{bytes} {}

  [[nodiscard]] std::uint64_t number(std::uint64_t at, int width) {
    if (!has(at, static_cast<std::uint64_t>(width))) {
      return 0;
    }
    std::uint64_t value = 0;
    for (int i = width; i-- > 0;) {
      value = value << 8 | static_cast<std::uint8_t>(bytes_[at + static_cast<std::uint64_t>(i)]);
    }
    return value;
  }

  [[nodiscard]] std::string_view text(std::uint64_t at, std::uint64_t length) {
    return has(at, length) ? bytes_.substr(at, length) : std::string_view{};
  }

  [[nodiscard]] bool overran() const { return overran_; }

 private:
  bool has(std::uint64_t at, std::uint64_t length) {
    const bool inside = at <= bytes_.size() && length <= bytes_.size() - at;
    overran_ = overran_ || !inside;
    return inside;
  }

  std::string_view bytes_;
  bool overran_ = false;
};

/// What is wrong with the zip archive that torch.save and TorchScript write, or nothing.
///
/// LibTorch does not compare the checksums that the archive holds, so that a flipped byte in a weight loads as another
/// model. This compares them for all stored entries, which tensors are; what is compressed, code, is checked as it is
/// unpacked. Cost: a pass over the bytes, 0.4 GB a second.
[[nodiscard]] inline std::optional<std::string> archive_damage(std::string_view archive) {
  constexpr std::uint64_t in_extra = 0xFFFFFFFF;  // zip64 keeps large numbers elsewhere
  const std::size_t end = archive.rfind("PK\x05\x06");
  if (end == std::string_view::npos) {
    return "cut short";
  }
  archive_bytes bytes{archive};
  if (bytes.text(end, 22 + bytes.number(end + 20, 2)).empty()) {  // the end itself, with its comment
    return "cut short";
  }
  std::uint64_t entries = bytes.number(end + 10, 2);
  std::uint64_t at = bytes.number(end + 16, 4);
  if ((entries == 0xFFFF || at == in_extra) && end >= 20) {
    const std::uint64_t large_end = bytes.number(end - 20 + 8, 8);
    entries = bytes.number(large_end + 32, 8);
    at = bytes.number(large_end + 48, 8);
  }
  for (std::uint64_t entry = 0; entry < entries; ++entry) {
    if (bytes.text(at, 4) != "PK\x01\x02") {
      return "its directory is damaged";
    }
    const std::uint64_t method = bytes.number(at + 10, 2);
    const auto expected = static_cast<std::uint32_t>(bytes.number(at + 16, 4));
    std::uint64_t size = bytes.number(at + 20, 4);
    const std::uint64_t full_size = bytes.number(at + 24, 4);
    const std::uint64_t name_length = bytes.number(at + 28, 2);
    const std::uint64_t extra_length = bytes.number(at + 30, 2);
    std::uint64_t content = bytes.number(at + 42, 4);
    const std::string_view name = bytes.text(at + 46, name_length);
    // The first extra field is zip64's where there is one: those of the three numbers that did not fit, in this order.
    std::uint64_t large = at + 46 + name_length + 4 + (full_size == in_extra ? 8 : 0);
    if (size == in_extra) {
      size = bytes.number(large, 8);
      large += 8;
    }
    if (content == in_extra) {
      content = bytes.number(large, 8);
    }
    at += 46 + name_length + extra_length + bytes.number(at + 32, 2);
    content += 30 + bytes.number(content + 26, 2) + bytes.number(content + 28, 2);
    const std::string_view stored = bytes.text(content, size);
    if (bytes.overran()) {
      return "cut short";
    }
    if (method == 0 && crc32(stored) != expected) {
      return "its part " + std::string{name} + " does not have its checksum";
    }
  }
  return std::nullopt;
}

}  // namespace redoubt::detail
