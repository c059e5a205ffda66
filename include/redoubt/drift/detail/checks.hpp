#pragma once

#include <cmath>
#include <redoubt/core/error.hpp>

namespace redoubt::detail {

inline void require_finite(double value, const char* detector) {
  require(std::isfinite(value), detector, ": a value must be a finite number, got ", value);
}

inline void require_bit(double value, const char* detector) {
  require(value == 0 || value == 1, detector, ": a value must be 0 (right) or 1 (an error), got ", value);
}

inline void require_unit(double value, const char* detector) {
  require(value >= 0 && value <= 1, detector, ": a value must lie in [0, 1], got ", value);
}

/// For options; `name` as the caller spells it, with its detector: "ddm: warm_start".
inline void require_at_least(double value, double least, const char* name) {
  require(value >= least && std::isfinite(value), name, " must be at least ", least, ", got ", value);
}

inline void require_positive(double value, const char* name) {
  require(value > 0 && std::isfinite(value), name, " must be positive, got ", value);
}

inline void require_fraction(double value, const char* name) {
  require(value > 0 && value < 1, name, " must lie strictly between 0 and 1, got ", value);
}

}  // namespace redoubt::detail
