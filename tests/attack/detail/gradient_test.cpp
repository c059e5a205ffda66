#include <redoubt/attack/detail/gradient.hpp>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "../../models.hpp"

using redoubt::detail::input_gradient;
using redoubt::detail::is_fooled;

TEST_CASE("input_gradient: is the gradient of each sample's own loss, and no parameter's") {
  const auto net = redoubt::testing::smooth_net::make(4, 3, 1);
  const at::Tensor point = redoubt::testing::uniform({5, 4}, 2).requires_grad_();
  const at::Tensor logits = net(point);
  const at::Tensor gradient = input_gradient("test", logits.select(1, 0).pow(2), logits, point);
  for (std::int64_t i = 0; i < 5; ++i) {
    const at::Tensor alone = point.detach().narrow(0, i, 1).clone().requires_grad_();
    const at::Tensor z = net(alone);
    CHECK(at::allclose(input_gradient("test", z.select(1, 0).pow(2), z, alone), gradient.narrow(0, i, 1)));
  }
  CHECK_FALSE(net.w1.grad().defined());
  CHECK_FALSE(point.grad().defined());
}

TEST_CASE("input_gradient: says which link is not differentiable") {
  const at::Tensor point = at::ones({2, 3}).requires_grad_();
  const at::Tensor logits = point.mul(2);
  const at::Tensor parameter = at::ones({2, 3}).requires_grad_();
  const auto refused = [&](const at::Tensor& loss, const at::Tensor& z, const char* message) {
    CHECK_THROWS_WITH_AS((void)input_gradient("pgd", loss, z, point), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(logits.sum(1), logits.detach(), "pgd: the model has no gradient with respect to its input");
  refused(at::ones({2}), logits, "pgd: the loss has no gradient with respect to the logits");
  refused(parameter.sum(1), parameter, "pgd: the loss does not depend on the input");
  refused(logits.mean(), logits, "one number per sample [2], got shape []");
  refused(logits, logits, "one number per sample [2], got shape [2, 3]");
}

TEST_CASE("is_fooled: away from the label, or at the target") {
  const at::Tensor logits = at::tensor({3.0F, 1.0F, 0.0F, 3.0F}).view({2, 2});
  const at::Tensor y = at::zeros({2}, at::kLong);
  CHECK(redoubt::testing::count(is_fooled(logits, y, false)) == 1);
  CHECK(is_fooled(logits, y, false)[1].item<bool>());
  CHECK(is_fooled(logits, y, true)[0].item<bool>());
  CHECK_FALSE(is_fooled(logits, y, true)[1].item<bool>());
}

TEST_CASE("is_fooled: a NaN among the logits is at no label: it leaves every label and reaches none") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor logits = at::tensor({nan, 1.0F, 9.0F, nan, nan, nan}).view({3, 2});
  for (const std::int64_t label : {0, 1}) {
    const at::Tensor y = at::full({3}, label, at::kLong);
    CHECK(is_fooled(logits, y, false).all().item<bool>());
    CHECK_FALSE(is_fooled(logits, y, true).any().item<bool>());
  }
}
