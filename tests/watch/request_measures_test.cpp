#include <redoubt/watch/request_measures.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <stdexcept>

TEST_CASE("request_measures: confidence, brightness and roughness of samples worked out by hand") {
  const at::Tensor x = at::tensor({0.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25}).view({2, 1, 2, 2});
  const at::Tensor logits = at::tensor({0.0, 0.0, 0.0, std::log(3.0)}).view({2, 2});
  const at::Tensor measures = redoubt::request_measures(x, logits);
  const at::Tensor expected = at::tensor({0.5, 0.5, 0.5, 0.75, 0.25, 0.0}, at::kDouble).view({2, 3});
  CHECK(at::allclose(measures, expected, 1e-6, 1e-7));
}

TEST_CASE("request_measures: samples of one number have no roughness") {
  const at::Tensor measures = redoubt::request_measures(at::ones({3, 1}), at::zeros({3, 4}));
  CHECK(measures.select(1, 2).eq(0).all().item<bool>());
  CHECK(at::allclose(measures.select(1, 0), at::full({3}, 0.25, at::kDouble)));
}

TEST_CASE("request_measures: refuses logits of another number of samples") {
  CHECK_THROWS_AS(static_cast<void>(redoubt::request_measures(at::ones({3, 1}), at::zeros({2, 4}))),
                  std::invalid_argument);
}
