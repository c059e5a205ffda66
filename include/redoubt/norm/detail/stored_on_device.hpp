#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::detail {

/// How a gradient of this type is stored, where a device's kernels can read it.
[[nodiscard]] inline std::optional<device_gradient> stored_on_device(c10::ScalarType type) {
  switch (type) {
    case c10::ScalarType::Float:
      return device_gradient::float32;
    case c10::ScalarType::Half:
      return device_gradient::float16;
    case c10::ScalarType::BFloat16:
      return device_gradient::bfloat16;
    default:
      return {};
  }
}

}  // namespace redoubt::detail
