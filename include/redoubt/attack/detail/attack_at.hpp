#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/rows.hpp>

namespace redoubt::detail {

/// The attack for the samples `index`: what its parts keep per sample, radii or a loss's state, follows the samples.
template <class Attack>
[[nodiscard]] Attack attack_at(Attack attack, const at::Tensor& index) {
  const auto follow = [&](auto& part) { part = at_rows(part, index); };
  if constexpr (has_rows<Attack>) {
    return attack.at(index);
  }
  if constexpr (requires { follow(attack.ball); }) {
    follow(attack.ball);
  }
  if constexpr (requires { follow(attack.rule); }) {
    follow(attack.rule);
  }
  if constexpr (requires { follow(attack.options.step); }) {
    follow(attack.options.step);
  }
  if constexpr (requires { follow(attack.options.loss); }) {
    follow(attack.options.loss);
  }
  if constexpr (requires { follow(attack.options.start); }) {
    follow(attack.options.start);
  }
  if constexpr (requires { follow(attack.options.transform); }) {
    follow(attack.options.transform);
  }
  if constexpr (requires { follow(attack.options.stop); }) {
    follow(attack.options.stop);
  }
  return attack;
}

}  // namespace redoubt::detail
