#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <redoubt/attack/detail/attack_at.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <type_traits>

namespace redoubt {

/// `attack.run` where there is one, else the call, for attacks that notice nothing. Throws what they throw.
template <class Attack, class Model>
[[nodiscard]] attack_result run_attack(const Attack& attack, Model& model, const at::Tensor& x, const at::Tensor& y,
                                       const at::Tensor& rows) {
  if constexpr (requires { attack.run(model, x, y, rows); }) {
    return attack.run(model, x, y, rows);
  } else {
    return {.adversarial = attack(model, x, y, rows)};
  }
}

/// Any attack as a value, so that attacks of different types can stand in one list.
///
/// Called like the attack that it holds, with the same guarantees and errors. What that keeps per sample (radii, steps,
/// a loss's targets) follows the samples where `at` is asked.
class any_attack {
 public:
  /// Holds a copy of `attack`: anything that is called as attack(model, x, y, rows).
  template <class Attack>
  requires(!std::same_as<std::remove_cvref_t<Attack>, any_attack>)
      any_attack(Attack attack)  // NOLINT(google-explicit-constructor): a list of attacks is the spelling
      : run_{[attack](const classifier_view& model, const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows) {
          return run_attack(attack, model, x, y, rows);
        }},
        at_{[attack](const at::Tensor& rows) { return any_attack{detail::attack_at(attack, rows)}; }} {}

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
    // What is inside sees a plain function, and cannot put back the state of what is behind it.
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    return run_([&](const at::Tensor& input) { return model(input); }, x, y, rows);
  }

  /// The attack for the samples `rows` (int64 [M]) of the batch that it was made for.
  [[nodiscard]] any_attack at(const at::Tensor& rows) const { return at_(rows); }

 private:
  std::function<attack_result(const classifier_view&, const at::Tensor&, const at::Tensor&, const at::Tensor&)> run_;
  std::function<any_attack(const at::Tensor&)> at_;
};

}  // namespace redoubt
