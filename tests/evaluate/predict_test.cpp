#include <redoubt/evaluate/predict.hpp>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <vector>

#include "../models.hpp"

using redoubt::accuracy;
using redoubt::judge;
using redoubt::testing::count;

namespace {

/// The input is its own logits.
at::Tensor itself(const at::Tensor& x) {
  return x;
}

at::Tensor four_logits() {
  constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
  return at::tensor({2.0F, 1.0F, 1.0F, 2.0F, not_a_number, 1.0F, 3.0F, not_a_number}).view({4, 2});
}

}  // namespace

TEST_CASE("judge: says which samples are right, and which logits hold a NaN: those are never right") {
  for (const std::int64_t label : {0, 1}) {
    const redoubt::verdict found = judge(itself, four_logits(), at::full({4}, label, at::kLong));
    CHECK(found.correct[label].item<bool>());
    CHECK(count(found.correct) == 1);
    CHECK(at::equal(found.nan, at::tensor({0, 0, 1, 1}, at::kLong).to(at::kBool)));
  }
}

TEST_CASE("judge: asks the model without gradients") {
  bool with_gradient = true;
  const auto model = [&](const at::Tensor& x) {
    with_gradient = at::GradMode::is_enabled();
    return x;
  };
  (void)judge(model, four_logits(), at::zeros({4}, at::kLong));
  CHECK_FALSE(with_gradient);
  CHECK(at::GradMode::is_enabled());
}

TEST_CASE("judge: labels outside the model's classes are named, and do not pass for errors of the model") {
  for (const std::int64_t label : {2, -1}) {
    CHECK_THROWS_WITH_AS((void)judge(itself, four_logits(), at::full({4}, label, at::kLong)),
                         doctest::Contains("labels must lie in [0, 2), as the model has 2 classes"),
                         std::invalid_argument);
  }
}

TEST_CASE("accuracy: is the share that is right, in batches of any size") {
  const at::Tensor x = redoubt::testing::normal({23, 5}, 1);
  at::Tensor y = x.argmax(1);
  y.narrow(0, 4, 6).add_(1).remainder_(5);
  for (const std::int64_t batch : {1, 5, 22, 23, 100}) {
    std::vector<std::int64_t> sizes;
    const auto model = [&](const at::Tensor& part) {
      sizes.push_back(part.size(0));
      return part;
    };
    CHECK(accuracy(model, x, y, batch) == doctest::Approx(17.0 / 23));
    CHECK(sizes.size() == static_cast<std::size_t>((23 + batch - 1) / batch));
  }
}

TEST_CASE("accuracy: no samples, a batch of none and labels that do not fit are refused") {
  CHECK_THROWS_AS((void)accuracy(itself, at::empty({0, 2}), at::empty({0}, at::kLong)), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)accuracy(itself, four_logits(), at::zeros({4}, at::kLong), 0),
                       doctest::Contains("got 4 and 0"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)accuracy(itself, four_logits(), at::zeros({3}, at::kLong)),
                       doctest::Contains("one int64 label per sample"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)accuracy(itself, four_logits(), at::zeros({4, 1}, at::kLong)),
                       doctest::Contains("one int64 label per sample"), std::invalid_argument);
}
