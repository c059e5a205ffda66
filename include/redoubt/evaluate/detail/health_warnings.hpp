#pragma once

#include <algorithm>
#include <cmath>
#include <redoubt/evaluate/detail/summary.hpp>
#include <redoubt/evaluate/health_report.hpp>

namespace redoubt::detail {

/// How far figures may lie apart before they are taken for a sign, in shares of the samples probed.
///
/// Chosen on Fashion-MNIST and digits, 256 test images at a time. Models trained plainly, or by PGD and asked within
/// their radius (linf from 8/255 to 0.1), stay below all limits, and so over l2 at 1.5 and l1 at 12, which none was
/// trained against: at most 0.29 for one step weaker, 0.10 for restarts, 0.03 for queries and 0.02 of samples that
/// return, cosines from 0.64. Models that overfitted catastrophically in FGSM training at 0.2 and 0.3 are over at least
/// one, asked at their radius and at 0.1: one step is weaker by 0.37 to 0.95 where they were trained; below that 0.035
/// to 0.17 of the samples return. A hardened model that is asked far beyond its radius is over the first as well: that
/// one step flatters it there is true.
struct health_limits {
  static constexpr double zero_gradients = 0.01;
  static constexpr double saturated = 0.1;
  static constexpr double restarts = 0.17;
  static constexpr double queries = 0.05;
  static constexpr double one_step_stronger = 0.05;
  static constexpr double one_step_weaker = 0.35;
  static constexpr double smaller_radius = 0.03;
  static constexpr double returned = 0.03;             // of all,
  static constexpr double returned_of_crossed = 0.15;  // and of those that were fooled on the way
  static constexpr double bent_gap = 0.06;             // between one step and ten, where the cosine is below
  static constexpr double bent_cosine = 0.6;
  static constexpr double no_cosine = 0.3;  // alone, where some accuracy is left to doubt:
  static constexpr double left_to_doubt = 0.1;
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
    warn("fifty queries without gradients fool ", percent(found.restarted - found.queried),
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
  if (found.returned > health_limits::returned && found.returned > health_limits::returned_of_crossed * found.crossed) {
    warn(percent(found.returned),
         " of the samples probed are fooled by a step along the gradient and right again after a longer one; so it is "
         "with models that overfitted catastrophically in FGSM training: believe no FGSM figure, and check the model "
         "with auto, also at larger radii");
  }
  const bool collapsed = found.cosine < health_limits::no_cosine && found.restarted > health_limits::left_to_doubt;
  const bool bent = found.cosine < health_limits::bent_cosine && found.fgsm - found.restarted > health_limits::bent_gap;
  if (collapsed || bent) {
    warn("the gradient at a sample says little of the gradient next to it: their cosine is ",
         std::round(100 * found.cosine) / 100,
         " on average within the radius; the loss is bent, and attacks of few steps flatter the model; check it with "
         "auto");
  }
}

}  // namespace redoubt::detail
