#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <redoubt/core/random.hpp>
#include <string>

/// Inputs and tiny models that the tests share. Those with modes and buffers are in nn_models.hpp and
/// script_models.hpp, whose LibTorch headers take long to compile.
namespace redoubt::testing {

/// The seed of the random tests: fixed, or the environment's REDOUBT_TEST_SEED. Tests print it where they fail.
inline std::uint64_t random_seed() {
  const char* const given = std::getenv("REDOUBT_TEST_SEED");
  return given == nullptr ? 20260117 : std::stoull(given);
}

inline at::Tensor first_rows(std::int64_t count) {
  return at::arange(count, at::kLong);
}

/// Uniform float32 numbers in [lower, upper), without the global generator.
inline at::Tensor uniform(at::IntArrayRef shape, std::uint64_t seed, double lower = 0, double upper = 1) {
  const at::Tensor like = at::empty(shape);
  return uniform_like(like, first_rows(shape[0]), {.seed = seed}).mul_(upper - lower).add_(lower);
}

inline at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
  return normal_like(at::empty(shape), first_rows(shape[0]), {.seed = seed});
}

/// Labels int64 [count] in [0, classes).
inline at::Tensor labels(std::int64_t count, std::int64_t classes, std::uint64_t seed) {
  return uniform({count, 1}, seed, 0, static_cast<double>(classes)).flatten().to(at::kLong);
}

/// Logits W x + b: every loss over it has its optimum in closed form.
struct linear_classifier {
  at::Tensor weight;  ///< [C, D]
  at::Tensor bias;    ///< [C]

  at::Tensor operator()(const at::Tensor& x) const {
    return at::linear(x.flatten(1), weight.to(x.scalar_type()), bias.to(x.scalar_type()));
  }
};

/// Two classes, logits (0, w x + b): the margin of label 1 is -(w x + b).
inline linear_classifier two_class(const at::Tensor& w, double b = 0) {
  return {at::stack({at::zeros_like(w), w}), at::tensor({0.0, b}).to(w.scalar_type())};
}

/// A net of one tanh layer, with curvature everywhere and its parameters in plain sight.
struct smooth_net {
  at::Tensor w1, b1, w2, b2;

  static smooth_net make(std::int64_t inputs, std::int64_t classes, std::uint64_t seed, std::int64_t hidden = 16) {
    const double gain = 3 / std::sqrt(static_cast<double>(inputs));
    smooth_net net{normal({hidden, inputs}, seed).mul_(gain), normal({hidden, 1}, seed + 1).flatten(),
                   normal({classes, hidden}, seed + 2), normal({classes, 1}, seed + 3).flatten()};
    for (at::Tensor* parameter : {&net.w1, &net.b1, &net.w2, &net.b2}) {
      parameter->requires_grad_();
    }
    return net;
  }

  at::Tensor operator()(const at::Tensor& x) const {
    const at::ScalarType type = x.scalar_type();
    const at::Tensor hidden = at::linear(x.flatten(1).sub(0.5), w1.to(type), b1.to(type)).tanh();
    return at::linear(hidden, w2.to(type), b2.to(type));
  }
};

/// The model's own predictions, so that an attack has every sample to win.
template <class Model>
at::Tensor predictions(const Model& model, const at::Tensor& x) {
  return model(x).argmax(1).detach();
}

inline double largest(const at::Tensor& t) {
  return t.numel() == 0 ? 0 : t.abs().max().item<double>();
}

inline std::int64_t count(const at::Tensor& flags) {
  return flags.sum().item<std::int64_t>();
}

}  // namespace redoubt::testing
