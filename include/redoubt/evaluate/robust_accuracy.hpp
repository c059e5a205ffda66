#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <redoubt/attack/any_attack.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/evaluate/interval.hpp>
#include <redoubt/evaluate/predict.hpp>
#include <redoubt/model/classifier.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace redoubt {

/// How `robust_accuracy` goes about it.
struct evaluation_options {
  std::int64_t batch = 256;                         ///< samples a batch; changes no sample's outcome; >= 1
  at::Tensor rows = {};                             ///< int64 [N]: which sample each row is; default 0..N-1
  double confidence = 0.95;                         ///< of the intervals, in (0, 1)
  std::function<void(std::int64_t)> progress = {};  ///< told how many samples are done, after each batch
};

/// A robust accuracy with what it takes to believe it.
struct robustness {
  std::int64_t n = 0;
  double clean_accuracy = 0;               ///< of all n, in [0, 1]
  interval clean_interval = {};            ///< Clopper-Pearson
  double robust_accuracy = 0;              ///< share of all n that is right both on x and on the adversarial example
  interval robust_interval = {};           ///< Clopper-Pearson
  at::Tensor clean_correct = {};           ///< bool [n]
  at::Tensor robust_correct = {};          ///< bool [n]
  std::int64_t zero_gradient_samples = 0;  ///< attacked samples that met a gradient of exactly zero
  std::int64_t n_nan = 0;  ///< samples with a NaN among their logits, clean or attacked; counted as wrong
  std::vector<std::string> warnings = {};  ///< signs that the number may flatter the model, in words
  double seconds = 0;
};

namespace detail {

/// What the counts of an evaluation warn of, in words.
[[nodiscard]] inline std::vector<std::string> masked_gradient_warnings(const robustness& report,
                                                                       std::int64_t attacked) {
  std::vector<std::string> warnings;
  const auto warn = [&](const auto&... pieces) {
    std::ostringstream text;
    (text << ... << pieces);
    warnings.push_back(text.str());
  };
  if (report.zero_gradient_samples > 0) {
    warn(report.zero_gradient_samples, " of ", attacked,
         " attacked samples met a gradient of exactly zero: the loss saturates, so the attack could not move them and "
         "the robust accuracy is too high; use the margin or dlr loss");
  }
  if (report.n_nan > 0) {
    warn(report.n_nan, " of ", report.n,
         " samples gave a NaN among the logits and count as wrong; the model overflows");
  }
  return warnings;
}

}  // namespace detail

/// The accuracy of `model` under `attack`: the share of x [N, ...] that is right before and after.
///
/// x, y and rows are as for the attack (untargeted: y int64 [N] are the true labels). Samples that are wrong on x are
/// not attacked; each adversarial example is classified anew, so that nothing rests on the attack's own word. The model
/// is evaluated in eval mode, and every submodule's mode is put back, also after an exception.
/// `batch` and the order of samples change no sample's outcome, as attacks key their randomness by `rows`.
/// Throws std::invalid_argument for a targeted attack, no samples, labels or rows that are not one int64 per sample,
/// labels outside the model's classes, and whatever the attack throws. Cost: one forward of all, the attack and one
/// more forward of those that were right.
template <class Attack, class Model>
[[nodiscard]] robustness robust_accuracy(const Attack& attack, Model&& model, const at::Tensor& x, const at::Tensor& y,
                                         const evaluation_options& options = {}) {
  const auto began = std::chrono::steady_clock::now();
  require(x.defined() && x.dim() >= 2 && x.size(0) > 0, "robust_accuracy: needs a batch [N, ...] with N >= 1");
  detail::require_label_each("robust_accuracy", y, x.size(0));
  detail::require_row_each("robust_accuracy", options.rows, x.size(0));
  require(options.batch >= 1, "robust_accuracy: batch must be at least 1, got ", options.batch);
  // Asked before the work and not after it.
  require(options.confidence > 0 && options.confidence < 1, "robust_accuracy: confidence must lie in (0, 1), got ",
          options.confidence);
  if constexpr (requires { attack.options.targeted; }) {
    require(!attack.options.targeted,
            "robust_accuracy: the attack is targeted, so y would be both the labels to keep "
            "and those to reach; give an untargeted attack");
  }
  const std::int64_t n = x.size(0);
  const at::Tensor rows = options.rows.defined() ? options.rows : row_numbers(n, y);
  const eval_scope scope{model};
  const classifier_view view = [&](const at::Tensor& input) { return model(input); };

  robustness report{.n = n};
  report.clean_correct = y.new_zeros({n}, at::kBool);
  report.robust_correct = y.new_zeros({n}, at::kBool);
  at::Tensor nan = y.new_zeros({n}, at::kBool);
  for (std::int64_t first = 0; first < n; first += options.batch) {
    const std::int64_t count = std::min(options.batch, n - first);
    const at::Tensor inputs = x.narrow(0, first, count);
    const verdict clean = judge(view, inputs, y.narrow(0, first, count));
    report.clean_correct.narrow(0, first, count).copy_(clean.correct);
    nan.narrow(0, first, count).copy_(clean.nan);
    const at::Tensor right = clean.correct.nonzero().squeeze(1);
    if (right.size(0) > 0) {
      const at::Tensor kept = right.add(first);
      const at::Tensor labels = y.index_select(0, kept);
      const attack_result found =
          run_attack(attack, model, x.index_select(0, kept), labels, rows.index_select(0, kept));
      const verdict attacked = judge(view, found.adversarial, labels);
      report.robust_correct.index_copy_(0, kept, attacked.correct);
      nan.index_copy_(0, kept, attacked.nan);
      if (found.zero_gradient.defined()) {
        report.zero_gradient_samples += found.zero_gradient.sum().template item<std::int64_t>();
      }
    }
    if (options.progress) {
      options.progress(first + count);
    }
  }

  const auto clean_count = report.clean_correct.sum().template item<std::int64_t>();
  const auto robust_count = report.robust_correct.sum().template item<std::int64_t>();
  report.clean_accuracy = static_cast<double>(clean_count) / static_cast<double>(n);
  report.clean_interval = clopper_pearson(clean_count, n, options.confidence);
  report.robust_accuracy = static_cast<double>(robust_count) / static_cast<double>(n);
  report.robust_interval = clopper_pearson(robust_count, n, options.confidence);
  report.n_nan = nan.sum().template item<std::int64_t>();
  report.warnings = detail::masked_gradient_warnings(report, clean_count);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return report;
}

}  // namespace redoubt
