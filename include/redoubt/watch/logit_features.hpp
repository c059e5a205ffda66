#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <redoubt/model/classifier.hpp>

namespace redoubt {

/// Whether a model also gives its penultimate layer, as `std::optional<at::Tensor> features(x)` or `at::Tensor`.
template <class M>
concept has_features = requires(M& model, const at::Tensor& x) {
  { model.features(x) } -> std::convertible_to<std::optional<at::Tensor>>;
};

/// What a model says about each sample of x [N, ...], as numbers that a detector can learn from: [N, F], float32.
///
/// Column by column: the C logits; the logits in descending order; the entropy of the prediction, in nats; the energy
/// (log-sum-exp); which class is predicted, as C zeros and ones; and the penultimate layer where the model offers it.
/// Without gradients, in the mode the model is in. `given` are the model's logits of x [N, C], from the caller who has
/// them already. Cost: nothing of the model where it offers no penultimate layer.
template <class Model>
[[nodiscard]] at::Tensor logit_features(Model& model, const at::Tensor& x, const at::Tensor& given) {
  const at::NoGradGuard no_gradient;
  const at::Tensor logits = given.to(at::kFloat);
  const at::Tensor log_probabilities = logits.log_softmax(1);
  const at::Tensor entropy = log_probabilities.exp().mul(log_probabilities).sum(1, /*keepdim=*/true).neg();
  const at::Tensor energy = logits.logsumexp(1, /*keepdim=*/true);
  const at::Tensor predicted = logits.new_zeros(logits.sizes()).scatter_(1, logits.argmax(1, /*keepdim=*/true), 1);
  const at::Tensor sorted = std::get<0>(logits.sort(1, /*descending=*/true));
  std::vector<at::Tensor> parts{logits, sorted, entropy, energy, predicted};
  if constexpr (has_features<Model>) {
    const std::optional<at::Tensor> hidden = model.features(x);
    if (hidden) {
      parts.push_back(hidden->flatten(1).to(at::kFloat));
    }
  }
  std::int64_t width = 0;
  for (const at::Tensor& part : parts) {
    width += part.size(1);
  }
  at::Tensor all = logits.new_empty({logits.size(0), width});
  std::int64_t first = 0;
  for (const at::Tensor& part : parts) {
    all.narrow(1, first, part.size(1)).copy_(part);
    first += part.size(1);
  }
  return all;
}

/// The same, of logits that are computed here: a forward more. Throws std::invalid_argument for logits that are not
/// [N, C].
template <class Model>
[[nodiscard]] at::Tensor logit_features(Model& model, const at::Tensor& x) {
  const at::NoGradGuard no_gradient;
  return logit_features(model, x, logits_of([&](const at::Tensor& input) { return model(input); }, x));
}

}  // namespace redoubt
