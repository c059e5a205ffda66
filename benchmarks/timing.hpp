#pragma once

// What the benchmarks that compare within one run have in common.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

/// Seconds that `work()` takes.
template <class Work>
double seconds(const Work& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}
