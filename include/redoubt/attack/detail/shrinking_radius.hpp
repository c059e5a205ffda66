#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/detail/part_seed.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/attack/start.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/model/classifier.hpp>

namespace redoubt::detail {

/// A start at a perturbation that was found before; follows its samples.
struct found_before {
  at::Tensor d;  ///< [N, ...]

  [[nodiscard]] at::Tensor operator()(const at::Tensor& /*x*/, const at::Tensor& /*rows*/,
                                      const draw& /*where*/) const {
    return d;
  }

  [[nodiscard]] found_before at(const at::Tensor& rows) const { return {d.index_select(0, rows)}; }
};

/// `attack` in three parts, in balls of 3, 2 and 1 of its radii, each from the best point of the one before, for 30 %,
/// 30 % and the rest of its steps.
///
/// From a normal draw moved into the largest ball and the box. Only the last part's word counts for who is fooled; the
/// others drop nobody. Restarts attack what is left. Source: Croce & Hein 2021 (arXiv:2103.01208), section 4.
template <class Ball, class Rule>
class shrinking_radius {
 public:
  explicit shrinking_radius(const pgd<Ball, Rule>& attack) : attack_{attack} {}

  [[nodiscard]] attack_result run(const classifier_view& model, const attack_input& input) const {
    attack_result all{.adversarial = input.x.clone(),
                      .zero_gradient = input.y.new_zeros(input.y.sizes(), at::kBool),
                      .fooled = input.y.new_zeros(input.y.sizes(), at::kBool)};
    for (int restart = 0; restart < attack_.options.restarts; ++restart) {
      const at::Tensor left = all.fooled.logical_not().nonzero().squeeze(1);
      if (left.size(0) == 0) {
        break;
      }
      const attack_result part = one_restart(
          model, {input.x.index_select(0, left), input.y.index_select(0, left), input.rows.index_select(0, left)}, left,
          static_cast<std::uint32_t>(restart));
      all.adversarial.index_copy_(0, left, part.adversarial);
      all.zero_gradient.index_copy_(0, left, all.zero_gradient.index_select(0, left).logical_or_(part.zero_gradient));
      all.fooled.index_copy_(0, left, part.fooled);
    }
    return all;
  }

 private:
  struct stage {
    double radii;
    int steps;
  };

  [[nodiscard]] attack_result one_restart(const classifier_view& model, const attack_input& input,
                                          const at::Tensor& left, std::uint32_t restart) const {
    const int warm = attack_.options.steps * 3 / 10;
    attack_result found{.adversarial = input.x, .zero_gradient = input.y.new_zeros(input.y.sizes(), at::kBool)};
    start_function start = [](const at::Tensor& x, const at::Tensor& rows, const draw& where) {
      return normal_like(x, rows, where);
    };
    std::uint32_t turn = 3 * restart;
    for (const stage& now : {stage{3, warm}, stage{2, warm}, stage{1, attack_.options.steps - 2 * warm}}) {
      if (now.steps > 0) {
        const bool last = now.radii == 1;
        pgd<Ball, Rule> each = attack_;
        each.ball = with_radius(at_rows(attack_.ball, left), radius_of(attack_.ball).at(left).times(now.radii));
        each.options.step = attack_.options.step.at(left).times(now.radii);
        each.options.steps = now.steps;
        each.options.restarts = 1;
        each.options.seed = part_seed(attack_.options.seed, turn);
        each.options.loss = attack_.options.loss.at(left);
        each.options.transform = attack_.options.transform.at(left);
        each.options.start = start;
        each.options.drop_fooled = last && attack_.options.drop_fooled;
        const attack_result result = each.run(model, input.x, input.y, input.rows);
        found.adversarial = result.adversarial;
        found.fooled = result.fooled;
        found.zero_gradient.logical_or_(result.zero_gradient);
        start = found_before{result.adversarial.sub(input.x)};
      }
      ++turn;
    }
    return found;
  }

  const pgd<Ball, Rule>& attack_;
};

}  // namespace redoubt::detail
