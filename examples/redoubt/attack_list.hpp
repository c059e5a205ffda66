#pragma once

#include "attack_flags.hpp"

#include <functional>
#include <nlohmann/json.hpp>
#include <redoubt/attack/any_attack.hpp>
#include <redoubt/evaluate/evaluation.hpp>
#include <string>
#include <vector>

namespace redoubt::program {

/// An attack that the program knows by name.
struct attack_kind {
  std::string name = {};
  std::string words = {};               ///< what it is, in a line
  std::vector<std::string> norms = {};  ///< those that it goes with; empty: it bounds nothing
  bool takes_targets = false;           ///< can be given labels to reach
  bool needs_gradient = true;
  std::function<any_attack(const attack_settings&)> make = {};
  std::function<nlohmann::json(const attack_settings&)> options = {};  ///< as they will be used, but for the box

  /// Whether `norm` is one of its norms.
  [[nodiscard]] bool knows(const std::string& norm) const;
};

/// All of them, `none` first.
[[nodiscard]] const std::vector<attack_kind>& attack_kinds();

/// The kind of this name. Throws std::invalid_argument for a name that there is none of, with what it may have meant.
[[nodiscard]] const attack_kind& attack_kind_of(const std::string& name);

/// The attack that the settings name; of several names the worst case over them, in this order.
///
/// Throws std::invalid_argument, one line that names both, for an attack and a norm that do not go together, targets
/// where there can be none, and a name given twice.
[[nodiscard]] any_attack attack_of(const attack_settings& settings);

/// What looks for masked gradients beside those attacks; none where they need no gradient, or bound nothing.
[[nodiscard]] health_probe probe_of(const attack_settings& settings);

}  // namespace redoubt::program
