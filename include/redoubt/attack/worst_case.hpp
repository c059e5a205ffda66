#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <chrono>
#include <redoubt/attack/any_attack.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <string>
#include <utility>
#include <vector>

namespace redoubt {

/// An attack under the name that a report shows it by.
struct named_attack {
  std::string name;   ///< as reports show it
  any_attack attack;  ///< what is run
};

/// The worst case over several attacks: each attacks the samples that none before it has fooled.
///
/// The result of a sample is that of the attack that fooled it, else the last one's; `stages` says which attack fooled
/// whom. Untargeted. Each adversarial example is classified anew, so that nothing rests on an attack's own word.
/// Call, guarantees and errors are those of the attacks; no attack at all is a std::invalid_argument. What an attack
/// keeps per sample (radii, steps, a loss's targets) follows those that are left.
/// Cost: that of each attack on what is left, and a forward.
struct worst_case {
  std::vector<named_attack> attacks;  ///< in the order in which they are run; at least one

  /// x' like x [N, ...], an adversarial example for each sample: what `run` gives, without the rest.
  template <class Model>
  [[nodiscard]] at::Tensor operator()(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                      const at::Tensor& rows = {}) const {
    return run(model, x, y, rows).adversarial;
  }

  /// The same, with what was noticed on the way.
  template <class Model>
  [[nodiscard]] attack_result run(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                  const at::Tensor& rows = {}) const {
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    return search([&](const at::Tensor& input) { return model(input); }, x, y, rows);
  }

  /// The same attacks for the samples `rows` (int64 [M]) of the batch that they were made for.
  [[nodiscard]] worst_case at(const at::Tensor& rows) const {
    worst_case some;
    for (const named_attack& each : attacks) {
      some.attacks.push_back({each.name, each.attack.at(rows)});
    }
    return some;
  }

 private:
  [[nodiscard]] attack_result search(const classifier_view& model, const at::Tensor& x, const at::Tensor& y,
                                     const at::Tensor& given_rows) const {
    require(!attacks.empty(), "worst_case: needs at least one attack");
    require(x.defined() && x.dim() >= 2, "worst_case: the input must be a batch [N, ...], got shape ", x.sizes());
    detail::require_label_each("worst_case", y, x.size(0));
    detail::require_row_each("worst_case", given_rows, x.size(0));
    const at::Tensor rows = given_rows.defined() ? given_rows.to(x.device()) : row_numbers(x.size(0), y);
    attack_result all{.adversarial = x.detach().clone(),
                      .zero_gradient = y.new_zeros(y.sizes(), at::kBool),
                      .fooled = y.new_zeros(y.sizes(), at::kBool)};
    for (const named_attack& each : attacks) {
      const auto began = std::chrono::steady_clock::now();
      const at::Tensor left = all.fooled.logical_not().nonzero().squeeze(1);
      at::Tensor fooled_now = y.new_zeros(y.sizes(), at::kBool);
      if (left.size(0) > 0) {
        const at::Tensor labels = y.index_select(0, left);
        const attack_result found =
            each.attack.at(left).run(model, x.index_select(0, left), labels, rows.index_select(0, left));
        const at::Tensor fooled = judged(model, found.adversarial, labels);
        all.adversarial.index_copy_(0, left, found.adversarial);
        fooled_now.index_copy_(0, left, fooled);
        all.fooled = all.fooled.logical_or(fooled_now);
        if (found.zero_gradient.defined()) {
          all.zero_gradient.index_copy_(0, left,
                                        all.zero_gradient.index_select(0, left).logical_or(found.zero_gradient));
        }
      }
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
      all.stages.push_back({each.name, fooled_now, seconds.count()});
    }
    return all;
  }

  [[nodiscard]] static at::Tensor judged(const classifier_view& model, const at::Tensor& x, const at::Tensor& y) {
    const at::NoGradGuard no_gradient;
    return detail::is_fooled(logits_of(model, x), y, /*targeted=*/false);
  }
};

}  // namespace redoubt
