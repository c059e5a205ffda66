#include "attack_list.hpp"

#include "html.hpp"
#include "spelling.hpp"

#include <algorithm>
#include <cmath>
#include <redoubt/attack/apgd.hpp>
#include <redoubt/attack/apgd_targeted.hpp>
#include <redoubt/attack/auto_attack.hpp>
#include <redoubt/attack/carlini_wagner.hpp>
#include <redoubt/attack/fab.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/fmn.hpp>
#include <redoubt/attack/mi_fgsm.hpp>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/spsa.hpp>
#include <redoubt/attack/square.hpp>
#include <redoubt/attack/worst_case.hpp>
#include <redoubt/evaluate/gradient_health.hpp>
#include <redoubt/loss/dlr.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <type_traits>
#include <utility>

namespace redoubt::program {
namespace {

using nlohmann::json;

/// The ball of the settings' size.
template <class Ball>
Ball ball_of(const attack_settings& settings) {
  return {settings.eps};  // a radius, or a count
}

/// An entry of the list: `make(ball, settings)` is the attack over each of the Balls that it goes with.
template <class... Balls, class Make>
attack_kind kind(attack_kind words, Make make) {
  words.norms = {Balls::name...};
  words.make = [make](const attack_settings& settings) {
    any_attack made{no_attack{}};
    const auto over = [&]<class Ball>(std::type_identity<Ball>) {
      if (settings.norm == Ball::name) {
        made = make(ball_of<Ball>(settings), settings);
      }
    };
    (over(std::type_identity<Balls>{}), ...);
    return made;
  };
  return words;
}

json no_options(const attack_settings& /*settings*/) {
  return json::object();
}

json pgd_options_of(const attack_settings& settings) {
  return {{"step", settings.resolved_step()},
          {"steps", settings.resolved_steps()},
          {"restarts", settings.restarts},
          {"random_start", !settings.no_random_start},
          {"loss", "cross_entropy"}};
}

json apgd_options_of(const attack_settings& settings) {
  return {{"steps", settings.resolved_steps(100)}, {"restarts", settings.restarts}};
}

attack_kind none() {
  return {.name = "none",
          .words = "nothing: accuracy as it is",
          .needs_gradient = false,
          .make = [](const attack_settings& /*settings*/) { return any_attack{no_attack{}}; },
          .options = no_options};
}

attack_kind one_step() {
  return kind<linf, l2, l1>(
      {.name = "fgsm", .words = "one step along the gradient", .takes_targets = true, .options = no_options},
      [](const auto& ball, const attack_settings& settings) {
        return fgsm{ball, {.box = settings.resolved_box(), .targeted = settings.targeted, .seed = settings.seed}};
      });
}

attack_kind projected_gradient() {
  return kind<linf, l2, l1, l0>({.name = "pgd",
                                 .words = "projected gradient descent, 40 steps",
                                 .takes_targets = true,
                                 .options = pgd_options_of},
                                [](const auto& ball, const attack_settings& settings) {
                                  return pgd{ball,
                                             {.step = settings.resolved_step(),
                                              .steps = settings.resolved_steps(),
                                              .random_start = !settings.no_random_start,
                                              .restarts = settings.restarts,
                                              .box = settings.resolved_box(),
                                              .targeted = settings.targeted,
                                              .seed = settings.seed,
                                              .drop_fooled = !settings.unhurried}};
                                });
}

attack_kind momentum_steps() {
  return kind<linf, l2>({.name = "mi-fgsm",
                         .words = "momentum, 10 steps of eps/steps; its examples often fool other models, too",
                         .takes_targets = true,
                         .options =
                             [](const attack_settings& settings) {
                               return json{{"steps", settings.resolved_steps(10)}};
                             }},
                        [](const auto& ball, const attack_settings& settings) {
                          return mi_fgsm{ball,
                                         {.steps = settings.resolved_steps(10),
                                          .box = settings.resolved_box(),
                                          .targeted = settings.targeted,
                                          .seed = settings.seed,
                                          .drop_fooled = !settings.unhurried}};
                        });
}

template <class Ball>
apgd<Ball> auto_pgd(const Ball& ball, const attack_settings& settings, const loss_function& loss) {
  return {ball,
          {.steps = settings.resolved_steps(100),
           .restarts = settings.restarts,
           .loss = loss,
           .box = settings.resolved_box(),
           .targeted = settings.targeted,
           .seed = settings.seed,
           .drop_fooled = !settings.unhurried}};
}

attack_kind auto_pgd_ce() {
  return kind<linf, l2, l1>(
      {.name = "apgd-ce",
       .words = "AutoPGD on the cross-entropy, 100 steps: finds its own step length",
       .takes_targets = true,
       .options = apgd_options_of},
      [](const auto& ball, const attack_settings& settings) { return auto_pgd(ball, settings, cross_entropy{}); });
}

/// Below three classes there is no third logit for the ratio; the margin is what is left of it.
at::Tensor dlr_or_margin(const at::Tensor& logits, const at::Tensor& y) {
  return logits.size(1) < 3 ? margin{}(logits, y) : dlr{}(logits, y);
}

attack_kind auto_pgd_dlr() {
  return kind<linf, l2, l1>(
      {.name = "apgd-dlr",
       .words = "the same on the difference of logits ratio, which no scale of the logits hides from",
       .takes_targets = true,
       .options = apgd_options_of},
      [](const auto& ball, const attack_settings& settings) { return auto_pgd(ball, settings, dlr_or_margin); });
}

attack_kind auto_pgd_targeted() {
  return kind<linf, l2, l1>(
      {.name = "apgd-t", .words = "the same towards each of the 9 likeliest other classes", .options = apgd_options_of},
      [](const auto& ball, const attack_settings& settings) {
        return apgd_targeted{ball,
                             {.steps = settings.resolved_steps(100),
                              .restarts = settings.restarts,
                              .box = settings.resolved_box(),
                              .seed = settings.seed,
                              .drop_fooled = !settings.unhurried}};
      });
}

attack_kind fast_adaptive_boundary() {
  return kind<linf, l2, l1>({.name = "fab-t",
                             .words = "steps onto the boundary to each of the 9 likeliest other classes, 100 a class",
                             .options =
                                 [](const attack_settings& settings) {
                                   return json{{"steps", settings.resolved_steps(100)},
                                               {"restarts", settings.restarts},
                                               {"target_classes", 9}};
                                 }},
                            [](const auto& ball, const attack_settings& settings) {
                              return fab{ball,
                                         {.steps = settings.resolved_steps(100),
                                          .restarts = settings.restarts,
                                          .target_classes = 9,
                                          .box = settings.resolved_box(),
                                          .seed = settings.seed}};
                            });
}

attack_kind square_search() {
  return kind<linf, l2, l1>(
      {.name = "square",
       .words = "random search by windows, 5,000 queries: needs no gradient",
       .takes_targets = true,
       .needs_gradient = false,
       .options =
           [](const attack_settings& settings) {
             return json{{"queries", settings.resolved_queries(5000)}, {"restarts", settings.restarts}};
           }},
      [](const auto& ball, const attack_settings& settings) {
        return square{ball,
                      {.queries = settings.resolved_queries(5000),
                       .restarts = settings.restarts,
                       .box = settings.resolved_box(),
                       .targeted = settings.targeted,
                       .seed = settings.seed}};
      });
}

attack_kind estimated_gradient() {
  return kind<linf, l2, l1>({.name = "spsa",
                             .words = "gradients estimated from 256 queries each, 100 steps: needs none of the model's",
                             .takes_targets = true,
                             .needs_gradient = false,
                             .options =
                                 [](const attack_settings& settings) {
                                   return json{{"step", settings.resolved_step(100)},
                                               {"steps", settings.resolved_steps(100)},
                                               {"samples", 128}};
                                 }},
                            [](const auto& ball, const attack_settings& settings) {
                              return spsa{ball,
                                          {.step = settings.resolved_step(100),
                                           .steps = settings.resolved_steps(100),
                                           .box = settings.resolved_box(),
                                           .targeted = settings.targeted,
                                           .seed = settings.seed}};
                            });
}

attack_kind nearest_in_l2() {
  return kind<l2>({.name = "cw",
                   .words = "Carlini and Wagner: the nearest point, 300 steps for each of 9 constants",
                   .takes_targets = true,
                   .options =
                       [](const attack_settings& settings) {
                         return json{{"steps", settings.resolved_steps(300)}, {"search_steps", 9}};
                       }},
                  [](const l2& ball, const attack_settings& settings) {
                    return carlini_wagner{ball,
                                          {.steps = settings.resolved_steps(300),
                                           .box = settings.resolved_box(),
                                           .targeted = settings.targeted,
                                           .drop_fooled = !settings.unhurried}};
                  });
}

attack_kind nearest_point() {
  return kind<linf, l2, l1, l0>({.name = "fmn",
                                 .words = "the nearest point, by a ball that shrinks and grows, 100 steps",
                                 .takes_targets = true,
                                 .options = apgd_options_of},
                                [](const auto& ball, const attack_settings& settings) {
                                  return fmn{ball,
                                             {.steps = settings.resolved_steps(100),
                                              .box = settings.resolved_box(),
                                              .targeted = settings.targeted,
                                              .seed = settings.seed,
                                              .restarts = settings.restarts,
                                              .drop_fooled = !settings.unhurried}};
                                });
}

attack_kind automatic() {
  return kind<linf, l2, l1>({.name = "auto",
                             .words = "AutoAttack, standard: apgd-ce, apgd-t, fab-t and square, each on what is left",
                             .options =
                                 [](const attack_settings& settings) {
                                   return json{{"version", "standard"},
                                               {"steps", settings.resolved_steps(100)},
                                               {"target_classes", 9},
                                               {"queries", settings.resolved_queries(5000)}};
                                 }},
                            [](const auto& ball, const attack_settings& settings) {
                              return auto_attack{ball,
                                                 {.box = settings.resolved_box(),
                                                  .seed = settings.seed,
                                                  .steps = settings.resolved_steps(100),
                                                  .queries = settings.resolved_queries(5000)}};
                            });
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    list += (i == 0 ? "" : i + 1 < names.size() ? ", " : " and ") + names[i];
  }
  return list;
}

std::vector<std::string> names_where(bool (*fits)(const attack_kind&, const std::string&), const std::string& norm) {
  std::vector<std::string> names;
  for (const attack_kind& one : attack_kinds()) {
    if (fits(one, norm)) {
      names.push_back(one.name);
    }
  }
  return names;
}

void require_fits(const attack_kind& one, const attack_settings& settings) {
  if (!one.norms.empty() && !one.knows(settings.norm)) {
    const auto knows = [](const attack_kind& other, const std::string& norm) { return other.knows(norm); };
    throw std::invalid_argument(text("--attack ", one.name, " does not go with --norm ", settings.norm, ": ", one.name,
                                     " goes with ", listed(one.norms), "; ", settings.norm, " goes with ",
                                     listed(names_where(knows, settings.norm))));
  }
  require(settings.norm != "l0" || settings.eps == std::floor(settings.eps), "--eps ", settings.eps,
          ": --norm l0 counts the elements that may change; give a whole number");
  if (settings.targeted && !one.takes_targets) {
    const auto takes = [](const attack_kind& other, const std::string& /*norm*/) { return other.takes_targets; };
    throw std::invalid_argument(
        text("--targeted does not go with --attack ", one.name, "; it goes with ", listed(names_where(takes, ""))));
  }
}

}  // namespace

bool attack_kind::knows(const std::string& norm) const {
  return holds(norms, norm);
}

const std::vector<attack_kind>& attack_kinds() {
  static const std::vector<attack_kind> kinds{
      none(),         one_step(),          projected_gradient(),     momentum_steps(), auto_pgd_ce(),
      auto_pgd_dlr(), auto_pgd_targeted(), fast_adaptive_boundary(), square_search(),  estimated_gradient(),
      automatic(),    nearest_in_l2(),     nearest_point()};
  return kinds;
}

const attack_kind& attack_kind_of(const std::string& name) {
  const std::vector<attack_kind>& kinds = attack_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const attack_kind& one) { return one.name == name; });
  if (found == kinds.end()) {
    const std::vector<std::string> names = names_where([](const attack_kind&, const std::string&) { return true; }, "");
    const std::string near = nearest(name, names);
    throw std::invalid_argument(text("there is no attack \"", name, '"',
                                     near.empty() ? "; there are " + listed(names) : "; did you mean " + near + "?"));
  }
  return *found;
}

any_attack attack_of(const attack_settings& settings) {
  const std::vector<std::string> names = settings.names();
  std::vector<named_attack> attacks;
  for (const std::string& name : names) {
    const attack_kind& one = attack_kind_of(name);
    require_fits(one, settings);
    require(names.size() == 1 || name != "none", "--attack: none goes alone, not in a list");
    require(std::count(names.begin(), names.end(), name) == 1, "--attack: ", name, " stands in the list twice");
    require(names.size() == 1 || !settings.targeted, "--targeted goes with one attack, not with a list");
    attacks.push_back({name, one.make(settings)});
  }
  return attacks.size() == 1 ? attacks.front().attack : any_attack{worst_case{attacks}};
}

health_probe probe_of(const attack_settings& settings) {
  const std::vector<std::string> names = settings.names();
  const bool by_gradients = std::any_of(names.begin(), names.end(),
                                        [](const std::string& name) { return attack_kind_of(name).needs_gradient; });
  health_probe probe;
  const auto over = [&]<class Ball>(std::type_identity<Ball>) {
    if (settings.norm == Ball::name) {
      probe = gradient_health{ball_of<Ball>(settings), {.box = settings.resolved_box(), .seed = settings.seed}};
    }
  };
  if (by_gradients && settings.eps > 0) {
    over(std::type_identity<linf>{});
    over(std::type_identity<l2>{});
    over(std::type_identity<l1>{});
    over(std::type_identity<l0>{});
  }
  return probe;
}

}  // namespace redoubt::program
