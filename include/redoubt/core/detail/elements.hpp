#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <redoubt/core/error.hpp>
#include <vector>

namespace redoubt::detail {

/// The first element of a tensor of type T; throws std::invalid_argument for one of another type.
///
/// In place of Tensor::const_data_ptr<T>(), whose symbol clang from 18 on spells otherwise than g++, which LibTorch was
/// compiled with: a program that calls it does not link.
template <class T>
[[nodiscard]] inline const T* elements_of(const at::Tensor& tensor) {
  require(tensor.scalar_type() == c10::CppTypeToScalarType<T>::value, "a tensor of type ", tensor.scalar_type(),
          " is read as ", c10::CppTypeToScalarType<T>::value);
  return static_cast<const T*>(tensor.const_data_ptr());
}

/// A copy of a tensor's elements as T, in order; of a tensor on any device.
template <class T>
[[nodiscard]] inline std::vector<T> vector_of(const at::Tensor& tensor) {
  const at::Tensor on_host = tensor.to(at::kCPU, c10::CppTypeToScalarType<T>::value).contiguous();
  const T* const first = elements_of<T>(on_host);
  return {first, first + on_host.numel()};
}

}  // namespace redoubt::detail
