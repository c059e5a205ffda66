#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <redoubt/core/error.hpp>
#include <redoubt/core/permutation.hpp>
#include <redoubt/core/random.hpp>
#include <vector>

namespace redoubt {

/// Tuning of `tiny_classifier::fit`.
struct tiny_classifier_options {
  std::int64_t hidden = 32;     ///< units of the hidden layer; >= 1
  int epochs = 40;              ///< passes over both samples; >= 1
  std::int64_t batch = 256;     ///< rows a step; >= 1
  double learning_rate = 3e-3;  ///< of Adam, at first; falls to 0; > 0
  double weight_decay = 1e-3;   ///< share of a weight taken off, times the learning rate; >= 0
  std::uint64_t seed = 0;       ///< of weights and order
};

/// A two-class perceptron with one hidden layer over standardised features: small enough to fit in a second.
///
/// `fit(negative, positive)` learns from two samples of features [N, F] and [M, F], float32, both classes weighing the
/// same, so that its output is a log-likelihood ratio of positive to negative. Minimises the logistic loss with Adam
/// (Kingma & Ba 2015, arXiv:1412.6980). The same seed and thread count give bitwise the same classifier; no global
/// generator moves.
class tiny_classifier {
 public:
  /// Learns from features [N, F] and [M, F], two rows each at least; throws std::invalid_argument for other shapes
  /// and for options out of range.
  [[nodiscard]] static tiny_classifier fit(const at::Tensor& negative, const at::Tensor& positive,
                                           const tiny_classifier_options& options = {}) {
    require(negative.dim() == 2 && positive.dim() == 2 && negative.size(1) == positive.size(1) &&
                negative.size(0) > 1 && positive.size(0) > 1,
            "tiny_classifier: needs features [N, F] and [M, F] of both classes, got ", negative.sizes(), " and ",
            positive.sizes());
    require(options.hidden >= 1 && options.epochs >= 1 && options.batch >= 1,
            "tiny_classifier: hidden, epochs and batch must be at least 1, got ", options.hidden, ", ", options.epochs,
            " and ", options.batch);
    require(options.learning_rate > 0 && options.weight_decay >= 0,
            "tiny_classifier: the learning rate must be above 0 and the weight decay at least 0, got ",
            options.learning_rate, " and ", options.weight_decay);
    tiny_classifier made;
    made.standardise(negative, positive);
    made.draw_weights(negative.size(1), options);
    made.learn(negative, positive, options);
    return made;
  }

  /// The logit of positive for each row of features [N, F], float32: [N], float32, without a gradient.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& features) const {
    const at::NoGradGuard no_gradient;
    return logit(features.sub(mean_).mul(scale_));
  }

 private:
  void standardise(const at::Tensor& negative, const at::Tensor& positive) {
    // Both classes weigh the same here too.
    mean_ = negative.mean(0).add(positive.mean(0)).div(2);
    const at::Tensor spread =
        negative.sub(mean_).square().mean(0).add(positive.sub(mean_).square().mean(0)).div(2).sqrt();
    scale_ = spread.masked_fill(spread.lt(1e-6), 1).reciprocal();
  }

  void draw_weights(std::int64_t features, const tiny_classifier_options& options) {
    const auto drawn = [&](std::int64_t outputs, std::int64_t inputs, std::int64_t row) {
      const at::Tensor like = mean_.new_empty({1, outputs, inputs});
      const at::Tensor which = mean_.new_full({1}, row, at::TensorOptions(at::kLong));
      const double bound = 1 / std::sqrt(static_cast<double>(inputs));
      return uniform_like(like, which, {.seed = options.seed}).squeeze(0).mul_(2 * bound).sub_(bound);
    };
    weights_ = {drawn(options.hidden, features, 0), mean_.new_zeros({options.hidden}), drawn(1, options.hidden, 1),
                mean_.new_zeros({1})};
  }

  [[nodiscard]] at::Tensor logit(const at::Tensor& standardised) const {
    const at::Tensor hidden = standardised.matmul(weights_[0].t()).add(weights_[1]).relu();
    return hidden.matmul(weights_[2].t()).add(weights_[3]).squeeze(1);
  }

  void learn(const at::Tensor& negative, const at::Tensor& positive, const tiny_classifier_options& options) {
    const std::int64_t n = negative.size(0);
    const std::int64_t total = n + positive.size(0);
    at::Tensor features = negative.new_empty({total, negative.size(1)});
    features.narrow(0, 0, n).copy_(negative);
    features.narrow(0, n, total - n).copy_(positive);
    features = features.sub(mean_).mul_(scale_);
    at::Tensor sign = negative.new_full({total}, 1);  // the logistic loss is log(1 + exp(-sign * logit))
    sign.narrow(0, 0, n).fill_(-1);
    at::Tensor weight = negative.new_full({total}, static_cast<double>(total) / (2.0 * static_cast<double>(total - n)));
    weight.narrow(0, 0, n).fill_(static_cast<double>(total) / (2.0 * static_cast<double>(n)));

    adam state{weights_};
    for (int epoch = 0; epoch < options.epochs; ++epoch) {
      const std::vector<std::int64_t> order = permutation(total, options.seed, static_cast<std::uint64_t>(epoch));
      at::Tensor rows = sign.new_empty({total}, at::TensorOptions(at::kLong).device(at::kCPU));
      std::copy(order.begin(), order.end(), rows.mutable_data_ptr<std::int64_t>());
      rows = rows.to(sign.device());
      const double rate = options.learning_rate * (1 - static_cast<double>(epoch) / options.epochs);
      for (std::int64_t first = 0; first < total; first += options.batch) {
        const at::Tensor batch = rows.narrow(0, first, std::min(options.batch, total - first));
        const at::AutoGradMode with_gradient{true};
        for (at::Tensor& w : weights_) {
          w = w.detach().requires_grad_();
        }
        const at::Tensor z = logit(features.index_select(0, batch)).mul(sign.index_select(0, batch));
        const at::Tensor loss =
            z.neg().clamp_min(0).add(z.abs().neg().exp().log1p()).mul(weight.index_select(0, batch)).mean();
        loss.backward({}, std::nullopt, false, weights_);
        state.step(weights_, rate, options.weight_decay);
      }
    }
    for (at::Tensor& w : weights_) {
      w = w.detach();
    }
  }

  // Adam with decoupled weight decay, in a dozen lines: torch's optimizers would cost every user of this header 10 s.
  class adam {
   public:
    explicit adam(const std::vector<at::Tensor>& weights) {
      for (const at::Tensor& w : weights) {
        first_.push_back(w.new_zeros(w.sizes()));
        second_.push_back(w.new_zeros(w.sizes()));
      }
    }
    void step(std::vector<at::Tensor>& weights, double rate, double decay) {
      const at::NoGradGuard no_gradient;
      ++steps_;
      const double unbias = std::sqrt(1 - std::pow(0.999, steps_)) / (1 - std::pow(0.9, steps_));
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const at::Tensor& gradient = weights[i].grad();
        first_[i].mul_(0.9).add_(gradient, 0.1);
        second_[i].mul_(0.999).addcmul_(gradient, gradient, 0.001);
        weights[i] = weights[i].mul(1 - rate * decay).sub_(first_[i].div(second_[i].sqrt().add_(1e-8)), rate * unbias);
      }
    }

   private:
    int steps_ = 0;
    std::vector<at::Tensor> first_;
    std::vector<at::Tensor> second_;
  };

  at::Tensor mean_;
  at::Tensor scale_;
  std::vector<at::Tensor> weights_;  // hidden weight, hidden bias, output weight, output bias
};

}  // namespace redoubt
