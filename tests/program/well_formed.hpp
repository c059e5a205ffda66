#pragma once

#include <doctest/doctest.h>

#include <cctype>
#include <string>
#include <vector>

/// Checks that every element of the page is closed in turn. Void elements and the SVG's empty ones aside.
inline void check_well_formed(const std::string& page) {
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const std::size_t end = page.find('>', at);
    REQUIRE(end != std::string::npos);
    const bool closing = page[at + 1] == '/';
    std::size_t name_end = at + (closing ? 2 : 1);
    while (std::isalnum(static_cast<unsigned char>(page[name_end])) != 0) {
      ++name_end;
    }
    const std::string name = page.substr(at + (closing ? 2 : 1), name_end - at - (closing ? 2 : 1));
    if (closing) {
      REQUIRE_FALSE(open.empty());
      REQUIRE(open.back() == name);
      open.pop_back();
    } else if (page[at + 1] != '!' && page[end - 1] != '/' && name != "meta" && name != "img") {
      open.push_back(name);
    }
  }
  CHECK(open.empty());
}
