#pragma once

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <redoubt/core/error.hpp>
#include <redoubt/drift/detector.hpp>
#include <sstream>
#include <string>
#include <vector>

/// Reading tests/data/drift: streams, and what other libraries answered on them.
namespace golden {

inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream{text};
  for (std::string part; std::getline(stream, part, separator);) {
    parts.push_back(part);
  }
  return parts;
}

/// The rows of a file without its header; a row may lack trailing empty cells.
inline std::vector<std::vector<std::string>> rows(const std::string& file, bool header = true) {
  const std::string path = std::string{REDOUBT_TEST_DATA} + "/drift/" + file;
  std::ifstream stream{path};
  if (!stream) {
    redoubt::fail("cannot read ", path);
  }
  std::vector<std::vector<std::string>> found;
  for (std::string line; std::getline(stream, line);) {
    found.push_back(split(line, ','));
    found.back().resize(std::max<std::size_t>(found.back().size(), 8));
  }
  if (header) {
    found.erase(found.begin());
  }
  return found;
}

inline std::vector<double> column(const std::string& file, std::size_t index = 0) {
  std::vector<double> values;
  for (const auto& row : rows(file, false)) {
    values.push_back(std::stod(row.at(index)));
  }
  return values;
}

inline std::vector<double> stream(const std::string& name) {
  return column("streams/" + name + ".csv");
}

/// "3 5" or "3-4 9-9": the indices they stand for.
inline std::vector<std::size_t> indices(const std::string& text) {
  std::vector<std::size_t> all;
  for (const std::string& run : split(text, ' ')) {
    const auto ends = split(run, '-');
    for (std::size_t i = std::stoul(ends.front()); i <= std::stoul(ends.back()); ++i) {
      all.push_back(i);
    }
  }
  return all;
}

/// The number after "key=" in cells such as "n=211"; `absent` where it says None.
inline double value_of(const std::vector<std::string>& cells, const std::string& key, double absent = 0) {
  for (const std::string& cell : cells) {
    if (cell.rfind(key + "=", 0) == 0) {
      const std::string text = cell.substr(key.size() + 1);
      return text == "None" ? absent : std::stod(text);
    }
  }
  redoubt::fail("no ", key, " in a row of ", cells.front());
}

struct answers {
  std::vector<std::size_t> drift;
  std::vector<std::size_t> warning;
};

template <redoubt::a_detector Detector>
answers replay(Detector detector, const std::vector<double>& values) {
  answers found;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (detector.update(values[i]) == redoubt::alarm::drift) {
      found.drift.push_back(i);
    }
    if constexpr (requires { detector.in_warning_zone(); }) {
      if (detector.in_warning_zone()) {
        found.warning.push_back(i);
      }
    }
  }
  return found;
}

}  // namespace golden
