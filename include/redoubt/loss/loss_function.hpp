#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/concepts.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// What is said of a callable that is no loss.
struct loss_form {
  /// Does not compile, and names the concept, where `Callable` does not fit.
  template <class Callable, class /*Signature*/>
  static constexpr void check() {
    static_assert(a_loss<Callable>,
                  "the loss does not fit redoubt::a_loss: it must be callable, when const, as "
                  "(const at::Tensor& logits, const at::Tensor& y) -> at::Tensor, one loss per sample");
  }
};

/// Any loss as a value: what an attack's options hold.
///
/// Made from `cross_entropy`, `margin`, `dlr` or a callable (logits [N, C], y [N]) -> [N]; a lambda will do. A loss
/// that keeps something per sample offers `at(rows)`, and follows its samples when others are dropped. The attack
/// checks labels before it asks, and throws std::invalid_argument for a loss that is not [N] or has no gradient where
/// it needs one.
using loss_function = row_function<at::Tensor(const at::Tensor& logits, const at::Tensor& y), loss_form>;

}  // namespace redoubt
