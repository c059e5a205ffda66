#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/evaluate/predict.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/train/overfitting.hpp>

namespace redoubt::detail {

/// The accuracy on the samples `rows` of the held-out data, as they are, under FGSM and under PGD-10 in the attack's
/// ball; for an attack without one, as they are.
template <class Attack, class Model>
held_out_accuracy held_out_look(const Attack& attack, Model& model, const at::Tensor& x, const at::Tensor& y,
                                const at::Tensor& rows) {
  if constexpr (requires { attack.ball; }) {
    const redoubt::box box = attack.options.box;
    const extent quarter = radius_of(attack.ball).times(0.25);
    const robustness weak = robust_accuracy(fgsm{attack.ball, {.box = box}}, model, x, y, {.rows = rows});
    const robustness strong =
        robust_accuracy(pgd{attack.ball, {.step = quarter, .steps = 10, .box = box, .keep = iterate::last}}, model, x,
                        y, {.rows = rows});
    return {.clean = weak.clean_accuracy, .fgsm = weak.robust_accuracy, .pgd = strong.robust_accuracy};
  } else {
    const double clean = accuracy(model, x, y);
    return {.clean = clean, .fgsm = clean, .pgd = clean};
  }
}

}  // namespace redoubt::detail
