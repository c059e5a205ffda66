#pragma once

#include <cstdint>
#include <redoubt/attack/input_transform.hpp>
#include <redoubt/attack/start.hpp>
#include <redoubt/attack/stop_rule.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/loss/cross_entropy.hpp>
#include <redoubt/loss/loss_function.hpp>

namespace redoubt {

/// Which of the points that an attack visits it returns.
enum class iterate {
  best,  ///< one that fools the model where there is one, else the one of the highest loss
  last,  ///< the last, as most libraries do: what adversarial training uses
};

/// Tuning of `pgd`. Every field has a default; set the ones you need by name.
struct pgd_options {
  extent step = 2.0 / 255;               ///< length of a step in the ball's norm, in units of the input; >= 0
  int steps = 10;                        ///< gradient evaluations a restart; >= 1
  bool random_start = true;              ///< start from a uniform draw of the ball, else from x
  int restarts = 1;                      ///< independent runs; later ones attack only what no run has fooled yet; in
                                         ///< [1, 65535]
  loss_function loss = cross_entropy{};  ///< climbed; descended where `targeted`
  redoubt::box box = {};                 ///< every value of the result lies inside
  bool targeted = false;                 ///< y are the labels to reach, not to leave
  std::uint64_t seed = 0;                ///< of the random starts
  iterate keep = iterate::best;          ///< which of the points visited is returned
  bool drop_fooled = false;              ///< a sample's first point that fools stands: the same outcomes, for less
  start_function start = {};             ///< where each restart begins, instead of what `random_start` says
  input_transform transform = {};        ///< done to a point before the model sees it for a gradient
  stop_rule stop = {};                   ///< which samples to stop work on; needs `iterate::best`
  int eot = 1;                           ///< gradients averaged a step, over the draws of transform and model; >= 1
  bool shrink_radius = true;             ///< begin in wider balls where the ball asks for it (l1)
};

}  // namespace redoubt
