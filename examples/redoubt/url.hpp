#pragma once

#include <optional>
#include <string>

namespace redoubt::program {

/// An address to POST to: "http[s]://host[:port]" and "/path".
struct url_parts {
  std::string server;
  std::string path;  ///< "/" where there is none; with what follows a "?"
};

/// Nothing for text of another form.
[[nodiscard]] std::optional<url_parts> split_url(const std::string& url);

}  // namespace redoubt::program
