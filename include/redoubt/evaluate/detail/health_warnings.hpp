#pragma once

#include <algorithm>
#include <cmath>
#include <redoubt/evaluate/detail/summary.hpp>
#include <redoubt/evaluate/health_report.hpp>

namespace redoubt::detail {

/// How far figures may lie apart before they are taken for a sign, in shares of the samples probed.
///
/// Chosen on models trained plainly, by FGSM with and without random starts, and by PGD, on Fashion-MNIST over linf
/// from 8/255 to 0.3 and l2 to 1.5. Models trained against the radius they are asked for stay below all of them, by
/// half of each or more but for restarts (0.09 over l2 at 1.5); models that overfitted catastrophically are above at
/// least one at the radius that they were trained with (gaps between one step and ten of 0.3 to 0.95).
struct health_limits {
  static constexpr double zero_gradients = 0.01;
  static constexpr double saturated = 0.1;
  static constexpr double restarts = 0.12;
  static constexpr double queries = 0.04;
  static constexpr double one_step_stronger = 0.05;
  static constexpr double one_step_weaker = 0.2;
  static constexpr double smaller_radius = 0.03;
};

/// Says in words which figures are signs of masked gradients.
inline void add_health_warnings(health_report& found, bool one_step_is_strong) {
  const auto warn = [&](const auto&... pieces) { found.warnings.push_back(in_words(pieces...)); };
  const auto percent = [](double share) { return in_words(std::round(1000 * share) / 10, " %"); };
  if (found.randomised) {
    warn(
        "the model answers the same input otherwise each time: average gradients over its draws (eot), and classify "
        "each point more than once (evaluations), or the robust accuracy is a matter of luck");
  }
  if (found.zero_gradients > health_limits::zero_gradients) {
    warn(percent(found.zero_gradients), " of the ", found.samples,
         " samples probed have a gradient of exactly zero: attacks on the cross entropy cannot move them, and the "
         "robust accuracy is too high; use the margin or dlr loss");
  }
  if (found.saturated > health_limits::saturated) {
    warn(
        percent(found.saturated), " of the ", found.samples,
        " samples probed have logits so large that the label's probability rounds to 1: gradients of the cross entropy "
        "vanish; use the margin or dlr loss");
  }
  if (found.pgd - found.restarted > health_limits::restarts) {
    warn("two more random starts lower the accuracy under PGD-10 from ", percent(found.pgd), " to ",
         percent(found.restarted),
         ": the loss is rugged, and one start flatters the model; use more restarts, or auto");
  }
  if (found.restarted - found.queried > health_limits::queries) {
    warn("a hundred queries without gradients fool ", percent(found.restarted - found.queried),
         " of the samples probed that PGD-10 could not: the gradients are masked, and attacks by gradients flatter the "
         "model; use square, or auto");
  }
  if (!one_step_is_strong) {
    return;
  }
  if (found.pgd - found.fgsm > health_limits::one_step_stronger) {
    warn("one step fools more than ten: accuracy ", percent(found.fgsm), " under FGSM, ", percent(found.pgd),
         " under PGD-10; the gradients lead astray, and attacks by many steps flatter the model; use square, or auto");
  }
  if (found.fgsm - found.pgd > health_limits::one_step_weaker) {
    warn("ten steps fool far more than one: accuracy ", percent(found.fgsm), " under FGSM, ", percent(found.pgd),
         " under PGD-10; so it is with models that overfitted catastrophically in FGSM training, and one step "
         "flatters them; believe no FGSM figure, and check the model with auto");
  }
  const double weaker = std::min(found.fgsm_half, found.fgsm_quarter);
  if (found.fgsm - weaker > health_limits::smaller_radius) {
    warn("a smaller radius fools more: accuracy ", percent(weaker), " under FGSM at a part of the radius, ",
         percent(found.fgsm),
         " at all of it; the gradients are masked at the sample itself, and one step flatters the "
         "model; check it with auto");
  }
}

}  // namespace redoubt::detail
