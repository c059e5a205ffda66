#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <map>
#include <string>

#include "golden.hpp"

namespace golden {

/// Checks every row of `file` for the detector that it calls `name`; `options` maps the file's parameters to ours.
/// `expected_rows` guards against a row that silently went unread.
template <class Detector, class Options>
void check_alarms(const std::string& file, const std::string& name, const std::map<std::string, Options>& options,
                  std::size_t expected_rows) {
  std::size_t checked = 0;
  for (const auto& row : rows(file)) {
    if (row[1] != name) {
      continue;
    }
    CAPTURE(row[0]);
    CAPTURE(row[2]);
    const answers found = replay(Detector{options.at(row[2])}, stream(row[0]));
    CHECK(found.drift == indices(row[3]));
    CHECK(found.warning == indices(row[4]));
    ++checked;
  }
  CHECK(checked == expected_rows);
}

/// Replays every stream traced for `name` and calls `compare(detector, cells)` at each traced index.
template <class Detector, class Options, class Compare>
void check_traces(const std::string& name, const std::map<std::string, Options>& options, std::size_t expected_rows,
                  Compare compare) {
  std::size_t checked = 0;
  std::string replaying;
  std::vector<double> values;
  std::size_t next = 0;
  Detector detector{options.begin()->second};
  for (const auto& row : rows("trace_streaming.csv")) {
    if (row[1] != name) {
      continue;
    }
    CAPTURE(row[0]);
    CAPTURE(row[2]);
    CAPTURE(row[3]);
    if (replaying != row[0] + row[2]) {
      replaying = row[0] + row[2];
      values = stream(row[0]);
      detector = Detector{options.at(row[2])};
      next = 0;
    }
    for (; next <= std::stoul(row[3]); ++next) {
      detector.update(values.at(next));
    }
    compare(detector, row);
    ++checked;
  }
  CHECK(checked == expected_rows);
}

/// Equal within 1e-9, relative to the larger of the two and of 1.
inline doctest::Approx near(double value) {
  return doctest::Approx(value).epsilon(1e-9);
}

}  // namespace golden
