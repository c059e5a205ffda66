#pragma once

#include "attack_flags.hpp"

#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>

namespace redoubt::program {

/// Calls `use` with the attack that the settings name, its own type: no_attack, fgsm or pgd over linf or l2.
///
/// For who must know the type, as a trainer does; `attack_list.hpp` makes every attack there is.
template <class Use>
auto with_attack(const attack_settings& settings, iterate keep, Use use) {
  const auto over = [&](const auto& ball) {
    if (settings.attack == "fgsm") {
      return use(fgsm{ball, {.box = settings.resolved_box(), .seed = settings.seed}});
    }
    return use(pgd{ball,
                   {.step = settings.resolved_step(),
                    .steps = settings.resolved_steps(),
                    .random_start = !settings.no_random_start,
                    .restarts = settings.restarts,
                    .box = settings.resolved_box(),
                    .seed = settings.seed,
                    .keep = keep,
                    .drop_fooled = keep == iterate::best}});
  };
  if (settings.attack == "none") {
    return use(no_attack{});
  }
  if (settings.norm == "l2") {
    return over(l2{.radius = settings.eps});
  }
  return over(linf{.radius = settings.eps});
}

}  // namespace redoubt::program
