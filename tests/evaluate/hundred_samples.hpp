#pragma once

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cstddef>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/worst_case.hpp>
#include <redoubt/evaluate/report.hpp>
#include <redoubt/norm/linf.hpp>

#include "../models.hpp"

namespace redoubt::testing {

/// A net and 100 samples, of which it gets 70 right.
struct hundred_samples {
  smooth_net net = smooth_net::make(12, 4, 1);
  at::Tensor x = uniform({100, 12}, 2);
  at::Tensor y = predictions(net, x);

  hundred_samples() { y.narrow(0, 10, 30).add_(1).remainder_(4); }
};

inline worst_case two_attacks() {
  return {{{"fgsm", fgsm{linf{0.03}}}, {"pgd", pgd{linf{0.08}, {.step = 0.02, .restarts = 2}}}}};
}

inline void check_same(const robustness& a, const robustness& b) {
  CHECK(a.n == b.n);
  CHECK(at::equal(a.clean_correct, b.clean_correct));
  CHECK(at::equal(a.robust_correct, b.robust_correct));
  CHECK(at::equal(a.fooled_by, b.fooled_by));
  CHECK(a.zero_gradient_samples == b.zero_gradient_samples);
  CHECK(a.warnings == b.warnings);
  REQUIRE(a.per_attack.size() == b.per_attack.size());
  for (std::size_t i = 0; i < a.per_attack.size(); ++i) {
    CHECK(a.per_attack[i].name == b.per_attack[i].name);
    CHECK(a.per_attack[i].attacked == b.per_attack[i].attacked);
    CHECK(a.per_attack[i].fooled == b.per_attack[i].fooled);
  }
  REQUIRE(a.per_class.size() == b.per_class.size());
  for (std::size_t i = 0; i < a.per_class.size(); ++i) {
    CHECK(a.per_class[i].n == b.per_class[i].n);
    CHECK(a.per_class[i].clean == b.per_class[i].clean);
    CHECK(a.per_class[i].robust == b.per_class[i].robust);
  }
}

}  // namespace redoubt::testing
