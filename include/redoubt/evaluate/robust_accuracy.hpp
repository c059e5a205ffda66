#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/attack/detail/input.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/evaluate/detail/summary.hpp>
#include <redoubt/evaluate/evaluation.hpp>
#include <redoubt/evaluate/report.hpp>
#include <utility>

namespace redoubt {

/// The accuracy of `model` under `attack`: the share of x [N, ...] that is right before and after.
///
/// x, y and rows are as for the attack (untargeted: y int64 [N] are the true labels). Samples that are wrong on x are
/// not attacked; each adversarial example is classified anew, so that nothing rests on the attack's own word. The model
/// is evaluated in eval mode, and every submodule's mode is put back, also after an exception.
/// `batch` and the order of samples change no sample's outcome, as attacks key their randomness by `rows`; radii and
/// steps may be one per sample [N]. See `evaluation` for randomised models, long runs that may be interrupted, and data
/// that come shard by shard.
/// Throws std::invalid_argument for a targeted attack, no samples, labels or rows that are not one int64 per sample,
/// labels outside the model's classes, and whatever the attack throws; std::runtime_error for a state of another run.
/// Cost: one forward of all, the attack and one more forward of those that were right, and the probe's.
template <class Attack, class Model>
[[nodiscard]] robustness robust_accuracy(const Attack& attack, Model&& model, const at::Tensor& x, const at::Tensor& y,
                                         evaluation_options options = {}) {
  require(x.defined() && x.dim() >= 2 && x.size(0) > 0, "robust_accuracy: needs a batch [N, ...] with N >= 1");
  detail::require_label_each("robust_accuracy", y, x.size(0));
  detail::require_row_each("robust_accuracy", options.rows, x.size(0));
  const at::Tensor rows = std::exchange(options.rows, at::Tensor{});
  if (!options.state.empty() && !options.identity.empty()) {
    options.identity += detail::in_words("; ", x.size(0), " samples");
  }
  evaluation all{attack, model, std::move(options)};
  all.add(x, y, rows);
  return all.report();
}

}  // namespace redoubt
