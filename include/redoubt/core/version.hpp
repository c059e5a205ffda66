#pragma once

namespace redoubt {

/// The version of these headers: major.minor.patch, as semver.org means it. The build and the package read it here.
inline constexpr const char* version = "0.1.0";

}  // namespace redoubt
