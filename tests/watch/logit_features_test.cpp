#include <redoubt/watch/logit_features.hpp>

#include <doctest/doctest.h>

#include <ATen/ATen.h>

#include <cmath>
#include <optional>

using redoubt::logit_features;

namespace {

/// Its input is its logits.
const auto identity = [](const at::Tensor& x) { return x; };

struct with_features {
  at::Tensor operator()(const at::Tensor& x) const { return x; }
  [[nodiscard]] at::Tensor features(const at::Tensor& x) const { return at::stack({x.sum(1), x.amax(1)}, 1); }
};

struct perhaps_with_features {
  bool has = false;
  at::Tensor operator()(const at::Tensor& x) const { return x; }
  [[nodiscard]] std::optional<at::Tensor> features(const at::Tensor& x) const {
    return has ? std::optional{x.unsqueeze(2).mul(2)} : std::nullopt;
  }
};

}  // namespace

TEST_CASE("logit_features: three logits by hand") {
  const at::Tensor x = at::tensor({1.F, 3.F, 2.F}).view({1, 3});
  const at::Tensor row = logit_features(identity, x)[0];
  REQUIRE(row.size(0) == 3 * 3 + 2);
  const double sum = std::exp(1.) + std::exp(2.) + std::exp(3.);
  double entropy = 0;
  for (const double logit : {1., 2., 3.}) {
    const double p = std::exp(logit) / sum;
    entropy -= p * std::log(p);
  }
  const double expected[] = {1, 3, 2, 3, 2, 1, entropy, std::log(sum), 0, 1, 0};
  for (std::int64_t i = 0; i < 11; ++i) {
    CAPTURE(i);
    CHECK(row[i].item<double>() == doctest::Approx(expected[i]).epsilon(1e-6));
  }
}

TEST_CASE("logit_features adds the penultimate layer where the model offers it, after the rest") {
  const at::Tensor x = at::arange(20, at::kFloat).view({4, 5}).sin();
  const at::Tensor plain = logit_features(identity, x);
  REQUIRE(plain.size(1) == 3 * 5 + 2);

  const with_features model;
  const at::Tensor wider = logit_features(model, x);
  REQUIRE(wider.size(0) == 4);
  REQUIRE(wider.size(1) == 3 * 5 + 2 + 2);
  CHECK(wider.narrow(1, 0, 17).equal(plain));
  CHECK(wider.narrow(1, 17, 2).equal(model.features(x)));

  const perhaps_with_features without{.has = false};
  CHECK(logit_features(without, x).equal(plain));
  const perhaps_with_features with{.has = true};  // [N, 5, 1], flattened
  CHECK(logit_features(with, x).narrow(1, 17, 5).equal(x.mul(2)));
}

TEST_CASE("logit_features: a row depends on its own sample alone") {
  const at::Tensor x = at::arange(60, at::kFloat).view({12, 5}).cos();
  const at::Tensor all = logit_features(identity, x);
  for (std::int64_t i = 0; i < 12; ++i) {
    REQUIRE(logit_features(identity, x.narrow(0, i, 1)).equal(all.narrow(0, i, 1)));
  }
}

TEST_CASE("logit_features has no NaN for any finite logits") {
  const at::Tensor x =
      at::tensor({0.F, 0.F, 0.F, 1e4F, -1e4F, 0.F, 1e30F, -1e30F, 1e30F, -80.F, -90.F, -100.F}).view({4, 3});
  const at::Tensor all = logit_features(identity, x);
  CHECK(all.isfinite().all().item<bool>());
  CHECK(all.select(1, 6).ge(0).all().item<bool>());
  CHECK(all[0][6].item<double>() == doctest::Approx(std::log(3.)));
}

TEST_CASE("logit_features are float32 without a gradient, whatever the model computes in") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    const at::Tensor x = at::ones({2, 3}, type).requires_grad_();
    const at::Tensor all = logit_features(identity, x);
    CHECK((all.scalar_type() == at::kFloat));
    CHECK_FALSE(all.requires_grad());
  }
}

TEST_CASE("logit_features refuses an output that is no logits") {
  const auto flat = [](const at::Tensor& x) { return x.sum(1); };
  CHECK_THROWS_AS(static_cast<void>(logit_features(flat, at::ones({2, 3}))), std::invalid_argument);
}
