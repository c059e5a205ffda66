#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/model/classifier.hpp>

namespace redoubt {

/// How a batch was classified.
struct verdict {
  at::Tensor correct;        ///< bool [N]; a sample with a NaN among its logits is not correct
  at::Tensor nan;            ///< bool [N]: the logits hold a NaN
  std::int64_t classes = 0;  ///< how many the model has
};

/// Classifies x [N, ...] against y int64 [N], without gradients, in the mode that the model is in.
///
/// With `evaluations` > 1 the model is asked so often and the class is that of the largest mean probability, as a
/// randomised model has no one answer; a NaN in any answer counts. Throws std::invalid_argument for labels that are not
/// one int64 per sample, or outside the model's classes, and for logits that are not [N, C]. Cost: `evaluations`
/// forwards; below 1 counts as 1.
[[nodiscard]] inline verdict judge(const classifier_view& model, const at::Tensor& x, const at::Tensor& y,
                                   int evaluations = 1) {
  detail::require_label_each("judge", y, x.size(0));
  const at::NoGradGuard no_gradient;
  at::Tensor scores = logits_of(model, x);
  detail::require_labels("judge", y, scores.size(1));
  if (evaluations > 1) {
    scores = scores.softmax(1);
    for (int turn = 1; turn < evaluations; ++turn) {
      scores = scores.add(logits_of(model, x).softmax(1));
    }
  }
  const at::Tensor nan = scores.isnan().any(1);
  return {scores.argmax(1).eq(y).logical_and_(nan.logical_not()), nan, scores.size(1)};
}

/// The share of x [N, ...] that the model classifies as y, in [0, 1], in eval mode (modes are put back).
///
/// Goes through x in batches of `batch`. Throws std::invalid_argument for no samples and a batch below 1, and for
/// labels as `judge` does. Cost: a forward of each sample.
template <class Model>
[[nodiscard]] double accuracy(Model&& model, const at::Tensor& x, const at::Tensor& y, std::int64_t batch = 256) {
  require(x.size(0) > 0 && batch > 0, "accuracy: needs samples and a positive batch, got ", x.size(0), " and ", batch);
  detail::require_label_each("accuracy", y, x.size(0));
  const eval_scope scope{model};
  std::int64_t correct = 0;
  for (std::int64_t i = 0; i < x.size(0); i += batch) {
    const std::int64_t count = std::min(batch, x.size(0) - i);
    correct += judge([&](const at::Tensor& part) { return model(part); }, x.narrow(0, i, count), y.narrow(0, i, count))
                   .correct.sum()
                   .template item<std::int64_t>();
  }
  return static_cast<double>(correct) / static_cast<double>(x.size(0));
}

}  // namespace redoubt
