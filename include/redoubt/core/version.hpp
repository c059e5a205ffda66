#pragma once

namespace redoubt {

inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

/// The library's version, "major.minor.patch" (semantic versioning).
inline constexpr const char* version = "0.1.0";

}  // namespace redoubt
