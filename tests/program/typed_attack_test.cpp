#include "typed_attack.hpp"

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

using redoubt::program::attack_settings;
using redoubt::program::with_attack;

TEST_CASE("the settings' attack is made, over the settings' ball") {
  const auto name_of = [](const attack_settings& settings) -> std::string {
    return with_attack(settings, redoubt::iterate::best, [](const auto& attack) -> std::string {
      using attack_type = std::decay_t<decltype(attack)>;
      if constexpr (std::is_same_v<attack_type, redoubt::no_attack>) {
        return "none";
      } else {
        const bool one_step = requires {
          attack.as_pgd();
        };
        const bool l2 = std::is_same_v<decltype(attack.ball), redoubt::l2>;
        return std::string(one_step ? "fgsm" : "pgd") + (l2 ? " l2" : " linf");
      }
    });
  };
  CHECK(name_of({.attack = "none"}) == "none");
  CHECK(name_of({.attack = "fgsm"}) == "fgsm linf");
  CHECK(name_of({.attack = "fgsm", .norm = "l2"}) == "fgsm l2");
  CHECK(name_of({.attack = "pgd"}) == "pgd linf");
  CHECK(name_of({.attack = "pgd", .norm = "l2"}) == "pgd l2");
}
