#pragma once

#include <stdexcept>

namespace redoubt::program {

/// What a request names and this server has not: 404.
struct not_found : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// More has come than is worked on; who asks may try again: 503 with Retry-After.
struct too_busy : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace redoubt::program
