#include <redoubt/attack/adam.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/linf.hpp>
#include <vector>

#include "../models.hpp"

using redoubt::adam;
using redoubt::linf;
using redoubt::step_view;
using redoubt::testing::largest;

static_assert(redoubt::a_step_rule<adam, linf>);

TEST_CASE("adam: the steps are those of the algorithm, worked out number by number") {
  const std::vector<double> gradients{3, -1, 0.5, 0, 20, -4};
  adam rule;
  const at::Tensor x = at::zeros({1, 1}, at::kDouble);
  at::Tensor point = x;
  double m = 0;
  double v = 0;
  double expected = 0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const double g = gradients[i];
    const step_view view{.x = x,
                         .point = point,
                         .gradient = at::full({1, 1}, g, at::kDouble),
                         .loss = {},
                         .fooled = {},
                         .length = 0.1,
                         .box = {},
                         .step = static_cast<int>(i)};
    point = x.add(rule.next(linf{1}, view));
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const double t = static_cast<double>(i) + 1;
    expected += 0.1 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    CHECK(point.item<double>() == doctest::Approx(expected));
  }
}

TEST_CASE("adam: its means follow their samples, and it is a rule for pgd") {
  const at::Tensor x = at::zeros({3, 2});
  adam rule;
  const at::Tensor gradient = at::tensor({1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}).view({3, 2});
  step_view view{.x = x, .point = x, .gradient = gradient, .loss = {}, .fooled = {}, .length = 0.1, .box = {}};
  (void)rule.next(linf{1}, view);
  const at::Tensor kept = at::tensor({2, 0}, at::kLong);
  adam part = rule.at(kept);
  view.step = 1;
  view.gradient = gradient.neg();
  const at::Tensor whole = rule.next(linf{1}, view);
  view.x = view.point = x.index_select(0, kept);
  view.gradient = gradient.neg().index_select(0, kept);
  CHECK(at::equal(part.next(linf{1}, view), whole.index_select(0, kept)));

  const at::Tensor w = at::tensor({1.0F, -2.0F});
  const redoubt::pgd attack{linf{0.1}, {.step = 0.02, .steps = 10, .random_start = false}, adam{}};
  const at::Tensor middle = at::full({3, 2}, 0.5);
  const at::Tensor found = attack(redoubt::testing::two_class(w, 5), middle, at::ones({3}, at::kLong));
  CHECK(largest(found.sub(middle.sub(w.sign(), 0.1))) < 1e-6);
}
