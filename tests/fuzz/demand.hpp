#pragma once

#include <cstdlib>
#include <iostream>

namespace redoubt::testing {

/// Aborts, as a fuzzer expects of a finding, where what must be right is not.
inline void demand(bool right, const char* what) {
  if (!right) {
    std::cerr << "fuzz: " << what << '\n';
    std::abort();
  }
}

}  // namespace redoubt::testing
