#include "url.hpp"

#include <regex>

namespace redoubt::program {

std::optional<url_parts> split_url(const std::string& url) {
  static const std::regex form{R"((https?://[^/?#]+)(/[^#]*)?)"};
  std::smatch parts;
  if (!std::regex_match(url, parts, form)) {
    return {};
  }
  return url_parts{parts[1], parts[2].matched ? parts[2].str() : "/"};
}

}  // namespace redoubt::program
