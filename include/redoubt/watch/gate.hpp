#pragma once

#include <redoubt/evaluate/robust_accuracy.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace redoubt {

/// What a candidate must show to replace the model that serves, in accuracies in [0, 1]. Ranges are not checked.
struct gate_options {
  double largest_clean_drop = 0.06;    ///< clean accuracy may fall by so much below the baseline's
  double smallest_robust_gain = 0.05;  ///< robust accuracy must rise by at least so much above the baseline's
};

/// The gate's word, and why.
struct gate_decision {
  bool promote = false;              ///< whether the candidate may replace the baseline
  std::vector<std::string> reasons;  ///< one sentence a test, those that failed and those that passed
};

/// Decides whether a retrained model may be deployed: `candidate` and `baseline` measured on the same held-out samples.
///
/// Promotes when clean accuracy fell by no more than allowed, robust accuracy rose by at least what is asked, and the
/// two robust intervals do not overlap, so that the gain is not chance. A retrained model that is not better is
/// refused: an alarm may have had another cause than an attack. Throws std::invalid_argument where the two were
/// measured on different numbers of samples.
[[nodiscard]] inline gate_decision decide(const robustness& candidate, const robustness& baseline,
                                          const gate_options& options = {}) {
  require(candidate.n == baseline.n, "gate: the candidate was measured on ", candidate.n, " samples, the baseline on ",
          baseline.n, "; measure both on the same");
  gate_decision decision{.promote = true, .reasons = {}};
  const auto test = [&](bool passed, const auto&... pieces) {
    std::ostringstream text;
    text << (passed ? "passed: " : "failed: ");
    (text << ... << pieces);
    decision.reasons.push_back(text.str());
    decision.promote = decision.promote && passed;
  };
  // Accuracies are counts over n, so what is allowed exactly must not fail by a rounding.
  constexpr double rounding = 1e-12;
  const double drop = baseline.clean_accuracy - candidate.clean_accuracy;
  test(drop <= options.largest_clean_drop + rounding, "clean accuracy ", baseline.clean_accuracy, " -> ",
       candidate.clean_accuracy, ", may fall by at most ", options.largest_clean_drop);
  const double gain = candidate.robust_accuracy - baseline.robust_accuracy;
  test(gain >= options.smallest_robust_gain - rounding, "robust accuracy ", baseline.robust_accuracy, " -> ",
       candidate.robust_accuracy, ", must rise by at least ", options.smallest_robust_gain);
  test(candidate.robust_interval.lower > baseline.robust_interval.upper, "robust intervals [",
       baseline.robust_interval.lower, ", ", baseline.robust_interval.upper, "] -> [", candidate.robust_interval.lower,
       ", ", candidate.robust_interval.upper, "], must not overlap");
  return decision;
}

}  // namespace redoubt
