#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// Maps what a gradient showed to which samples are done: bool [N].
template <class S>
concept a_stop_rule = requires(const S& stop, const step_view& now) {
  { stop(now) } -> std::convertible_to<at::Tensor>;
};

/// What is said of a callable that is no stopping rule.
struct stop_form {
  /// Does not compile, and names the concept, where `Callable` does not fit.
  template <class Callable, class /*Signature*/>
  static constexpr void check() {
    static_assert(a_stop_rule<Callable>,
                  "the stopping rule does not fit redoubt::a_stop_rule: it must be callable, when const, as "
                  "(const redoubt::step_view& now) -> at::Tensor, a bool per sample");
  }
};

/// Which samples an attack need not climb with any longer, as a value: step_view -> bool [N].
///
/// Asked after each gradient, with `iterate::best` only; the attack throws std::invalid_argument for an answer that is
/// not [N]. The best point so far of a sample that is done stands, whatever its batch; it leaves the batch once those
/// that are done are a quarter of it. A rule that keeps something per sample offers `at(rows)`.
using stop_rule = row_function<at::Tensor(const step_view& now), stop_form>;

}  // namespace redoubt
