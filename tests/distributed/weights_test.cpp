#include <redoubt/distributed/weights.hpp>

#include "../train/small_problem.hpp"
#include "ranks.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using redoubt::broadcast_weights;
using redoubt::process_group;
using small::same_bits;
using small::state_of;

TEST_CASE("all ranks start with rank 0's parameters and buffers") {
  std::vector<std::vector<at::Tensor>> states(3);
  std::vector<redoubt::nn_model<small::noisy_perceptron>> models;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {  // one after the other: the generator is everybody's
    models.push_back(small::made<small::noisy_perceptron>(seed));
    const at::NoGradGuard no_gradient;
    models.back().buffers()[0].fill_(static_cast<double>(seed) + 0.5);
  }
  const std::vector<at::Tensor> first = state_of(models[0]);
  CHECK_FALSE(same_bits(first, state_of(models[1])));
  CHECK(ranks::together(3, [&](const process_group& group) {
          broadcast_weights(group, models[static_cast<std::size_t>(group.rank())]);
        }) == ranks::nothing(3));
  for (const auto& model : models) {
    CHECK(same_bits(state_of(model), first));
    for (const at::Tensor& parameter : model.parameters()) {
      CHECK(parameter.requires_grad());
    }
  }
}

TEST_CASE("models of other shapes are refused on every rank, before anything is sent") {
  const std::vector<std::string> errors = ranks::together(2, [](const process_group& group) {
    if (group.rank() == 0) {
      broadcast_weights(group, small::scripted(1));
    } else {
      broadcast_weights(group, redoubt::nn_model{std::make_shared<small::noisy_perceptron>()});
    }
  });
  CHECK(errors[0].starts_with("rank 1 of 2 has another model than rank 0, which has float[16, 16] float[16] "));
  CHECK(errors[1].starts_with("rank 1 of 2 has another model than rank 0: "));
}
