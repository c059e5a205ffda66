#include <redoubt/attack/composed.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <torch/csrc/autograd/autograd.h>
#include <redoubt/attack/diverse_input.hpp>
#include <redoubt/attack/scale_invariant.hpp>
#include <redoubt/attack/translation_invariant.hpp>
#include <vector>

#include "../models.hpp"

using redoubt::composed;
using redoubt::draw;
using redoubt::testing::first_rows;
using redoubt::testing::uniform;

static_assert(redoubt::a_transform<composed>);
static_assert(redoubt::has_rows<composed>);

namespace {

/// A user's transform with state per sample.
struct shift_each {
  at::Tensor by;

  at::Tensor operator()(const at::Tensor& point, const at::Tensor&, const draw&) const {
    return point.add(redoubt::per_sample(by, point));
  }
  [[nodiscard]] shift_each at(const at::Tensor& rows) const { return {by.index_select(0, rows)}; }
};

}  // namespace

TEST_CASE("composed: the first part is done first, a user's lambda among them") {
  const at::Tensor x = uniform({2, 3}, 1);
  const auto plus_one = [](const at::Tensor& point, const at::Tensor&, const draw&) { return point.add(1); };
  const redoubt::scale_invariant half{.copies = 2};
  const draw second{.step = 1};
  CHECK(at::equal(composed{plus_one, half}(x, first_rows(2), second), x.add(1).mul(0.5)));
  CHECK(at::equal(composed{half, plus_one}(x, first_rows(2), second), x.mul(0.5).add(1)));
  const composed nested{composed{half, plus_one}, plus_one};
  CHECK(at::equal(nested(x, first_rows(2), second), x.mul(0.5).add(2)));
  CHECK(at::equal(composed{}(x, first_rows(2), second), x));
}

TEST_CASE("composed: the gradient goes back through all parts, the first one last") {
  const at::Tensor x = uniform({2, 1, 6, 6}, 1).to(at::kDouble).requires_grad_();
  const at::Tensor weight = uniform({2, 1, 6, 6}, 2).to(at::kDouble);
  const redoubt::diverse_input shrunk{.probability = 1, .least = 0.3};
  const redoubt::translation_invariant smooth{.radius = 2};
  const draw where{.seed = 4};
  const auto gradient = [&](const redoubt::input_transform& with) {
    return torch::autograd::grad({with(x, first_rows(2), where).mul(weight).sum()}, {x})[0];
  };
  CHECK(at::allclose(gradient(composed{smooth, shrunk}).sub(smooth.smoothed(gradient(composed{composed{}, shrunk}))),
                     at::zeros_like(x)));
}

TEST_CASE("composed: parts draw from seeds of their own") {
  std::vector<draw> seen;
  const auto look = [&](const at::Tensor& point, const at::Tensor&, const draw& where) {
    seen.push_back(where);
    return point;
  };
  (void)composed{look, look, look}(at::ones({1, 2}), first_rows(1), {.seed = 7, .restart = 2, .step = 3});
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].seed == 7);
  CHECK(seen[0].seed != seen[1].seed);
  CHECK(seen[1].seed != seen[2].seed);
  for (const draw& each : seen) {
    CHECK(each.restart == 2);
    CHECK(each.step == 3);
  }
}

TEST_CASE("composed: parts with state per sample follow their samples") {
  const at::Tensor x = uniform({4, 3}, 1);
  const composed both{shift_each{at::tensor({1.0F, 2.0F, 3.0F, 4.0F})},
                      shift_each{at::tensor({0.1F, 0.2F, 0.3F, 0.4F})}};
  const at::Tensor rows = at::tensor({3, 1}, at::kLong);
  CHECK(at::equal(both.at(rows)(x.index_select(0, rows), rows, {}), both(x, first_rows(4), {}).index_select(0, rows)));
}
