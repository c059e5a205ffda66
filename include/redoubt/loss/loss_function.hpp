#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <functional>
#include <redoubt/core/concepts.hpp>
#include <utility>

namespace redoubt {

/// Any loss as a value: what an attack's options hold.
///
/// Made from `cross_entropy`, `margin`, `dlr` or a callable (logits [N, C], y [N]) -> [N]; a lambda will do. A loss
/// that keeps something per sample offers `at(rows)`, and follows its samples when others are dropped.
class loss_function {
 public:
  template <a_loss Loss>
  requires(!std::same_as<std::remove_cvref_t<Loss>, loss_function>)
      loss_function(Loss loss)  // NOLINT(google-explicit-constructor): `.loss = dlr{}` is the spelling
      : call_{loss}, at_{[loss](const at::Tensor& rows) { return loss_function{at_rows(loss, rows)}; }} {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const { return call_(logits, y); }

  [[nodiscard]] loss_function at(const at::Tensor& rows) const { return at_(rows); }

 private:
  std::function<at::Tensor(const at::Tensor&, const at::Tensor&)> call_;
  std::function<loss_function(const at::Tensor&)> at_;
};

}  // namespace redoubt
