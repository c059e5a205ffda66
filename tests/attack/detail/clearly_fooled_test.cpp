#include <redoubt/attack/detail/clearly_fooled.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/loss/margin.hpp>
#include <vector>

using redoubt::detail::clearly_fooled;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Whether a sample of label 0 with these two logits is clearly fooled.
bool fooled(float label, float other, bool targeted = false) {
  const at::Tensor logits = at::tensor({label, other}).view({1, 2});
  const at::Tensor y = at::zeros({1}, at::kLong);
  const at::Tensor margin = redoubt::margin{}(logits, y);
  return clearly_fooled(logits, y, targeted, targeted ? margin.neg() : margin).item<bool>();
}

}  // namespace

TEST_CASE("clearly_fooled: a lead of the logits' rounding counts for nothing, a larger one does") {
  for (const float scale : {1e-6F, 1.0F, 1e6F}) {
    CAPTURE(scale);
    CHECK_FALSE(fooled(scale, scale * (1 + 1e-6F)));
    CHECK(fooled(scale, scale * (1 + 1e-5F)));
    CHECK_FALSE(fooled(scale, scale * (1 - 1e-5F)));
    CHECK_FALSE(fooled(scale * (1 + 1e-6F), scale, true));
    CHECK(fooled(scale * (1 + 1e-5F), scale, true));
  }
}

TEST_CASE("clearly_fooled: NaN is at no label, and infinite logits need no lead") {
  CHECK(fooled(not_a_number, 1));
  CHECK(fooled(1, not_a_number));
  CHECK_FALSE(fooled(not_a_number, 1, true));
  CHECK(fooled(1, inf));
  CHECK(fooled(-inf, 1));
  CHECK_FALSE(fooled(inf, 1));
}
