#pragma once

#include <cstdint>

namespace redoubt::detail {

/// The mean so far and the sum of squared deviations from it (Welford 1962).
///
/// The order of operations is river's: whether two means tie decides when a detector of the DDM family speaks, and a
/// sum divided once would break ties the other way.
struct running_mean {
  std::int64_t count = 0;
  double mean = 0;

  void add(double value) {
    ++count;
    mean += (1.0 / static_cast<double>(count)) * (value - mean);
  }
};

struct running_moments {
  running_mean first;
  double squared_deviations = 0;

  void add(double value) {
    const double before = value - first.mean;
    first.add(value);
    squared_deviations += before * (value - first.mean);
  }
};

}  // namespace redoubt::detail
