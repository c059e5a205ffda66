#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace redoubt {

/// What `gradient_health` found: figures, and in words those that are signs of masked gradients.
///
/// Shares and accuracies are of the `samples` probed, all of which the model gets right as they are, in [0, 1].
struct health_report {
  std::int64_t samples = 0;                ///< 0: nothing was probed, and all else is without meaning
  double zero_gradients = 0;               ///< share with an input gradient of exactly zero
  double saturated = 0;                    ///< share whose probability of the label rounds to 1 in float32
  double fgsm = 1;                         ///< accuracy under one step of the radius
  double fgsm_half = 1;                    ///< ... of half of it
  double fgsm_quarter = 1;                 ///< ... of a quarter of it
  double pgd = 1;                          ///< accuracy under PGD-10
  double restarted = 1;                    ///< ... with two more random restarts
  double queried = 1;                      ///< share that neither PGD-10 nor queries without gradients fooled
  double cosine = 1;                       ///< mean cosine of gradients that are not 0 and those at x + uniform noise
  bool randomised = false;                 ///< the same point got other logits when asked again
  std::vector<std::string> warnings = {};  ///< one sentence a sign; empty where there is none
  double crossed = 0;   ///< share fooled somewhere on the way along FGSM's direction, up to two radii
  double returned = 0;  ///< ... and right again further on; both 0 over balls whose one step is no strong attack
};

}  // namespace redoubt
