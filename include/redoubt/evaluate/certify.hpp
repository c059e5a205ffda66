#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/evaluate/interval.hpp>
#include <redoubt/evaluate/normal_quantile.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <type_traits>
#include <vector>

namespace redoubt {

/// Tuning of `certify` and `smoothed_prediction`.
struct smoothing_options {
  double sigma = 0.25;       ///< standard deviation of the noise, in units of the input; > 0
  std::int64_t n0 = 100;     ///< draws that choose the class to certify; >= 1
  std::int64_t n = 10000;    ///< draws that bound its probability; >= 1
  double alpha = 0.001;      ///< probability, for each sample, that its certificate is wrong; in (0, 1)
  std::int64_t batch = 256;  ///< draws a forward; changes no sample's outcome; >= 1
  std::uint64_t seed = 0;    ///< of the random draws
  at::Tensor rows = {};      ///< int64 [N]: which sample each row is; default 0..N-1
  std::function<void(std::int64_t)> progress = {};  ///< told how many samples are done, after each
};

/// What randomised smoothing certifies of each sample.
struct certification {
  std::int64_t n = 0;         ///< samples
  double sigma = 0;           ///< of the noise, as asked for
  double alpha = 0;           ///< for each sample, as asked for
  at::Tensor predicted = {};  ///< int64 [n]: the smoothed classifier's class, -1 where it abstains
  at::Tensor radius =
      {};  ///< float64 [n]: the class is the same for all x' nearer than this in l2; 0 where it abstains
  at::Tensor correct = {};  ///< bool [n]: predicted is the label
  double seconds = 0;       ///< wall clock

  /// The certified accuracy at an l2 radius >= 0: the share of all n that is right, and certified to stay so within it.
  [[nodiscard]] double accuracy_at(double wanted) const {
    return correct.logical_and(radius.ge(wanted)).to(at::kDouble).mean().item<double>();
  }
};

namespace detail {

/// How often each class is predicted for one sample x [1, ...] under noise: C counts, and last the draws with a NaN.
[[nodiscard]] inline std::vector<std::int64_t> count_classes(const classifier_view& model, const at::Tensor& x,
                                                             const at::Tensor& row, std::uint32_t phase,
                                                             std::int64_t draws, const smoothing_options& options) {
  // The noise is made on the host: moved once a batch, not once a draw.
  const at::Tensor like = x.to(at::kCPU, at::kFloat);
  std::vector<at::Tensor> noise;
  at::Tensor counts;
  for (std::int64_t first = 0; first < draws; first += options.batch) {
    const std::int64_t size = std::min(options.batch, draws - first);
    noise.clear();
    for (std::int64_t i = 0; i < size; ++i) {
      const draw where{.seed = options.seed, .restart = phase, .step = static_cast<std::uint32_t>(first + i)};
      noise.push_back(normal_like(like, row, where));
    }
    const at::ScalarType state = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor noisy = at::cat(noise).to(x.device(), state).mul_(options.sigma).add_(x);
    const at::Tensor logits = logits_of(model, noisy.to(x.scalar_type()));
    const std::int64_t classes = logits.size(1);
    const at::Tensor predicted = logits.argmax(1).masked_fill(logits.isnan().any(1), classes);
    const at::Tensor counted = predicted.bincount({}, classes + 1);
    counts = counts.defined() ? counts.add(counted) : counted;
  }
  return detail::vector_of<std::int64_t>(counts);
}

/// The class counted most often, the first of several; -1 where that is a NaN.
[[nodiscard]] inline std::int64_t most_frequent(const std::vector<std::int64_t>& counts) {
  const auto top = std::max_element(counts.begin(), counts.end()) - counts.begin();
  return top + 1 == static_cast<std::ptrdiff_t>(counts.size()) ? -1 : top;
}

inline void require_smoothing(const char* who, const at::Tensor& x, const smoothing_options& options) {
  require(x.defined() && x.dim() >= 2 && x.size(0) > 0 && x.is_floating_point(), who,
          ": needs a floating-point batch [N, ...] with N >= 1, got shape ", x.sizes(), " of type ", x.dtype().name());
  require(!x.isnan().any().item<bool>(), who, ": the input holds a NaN");
  require(options.sigma > 0 && std::isfinite(options.sigma), who, ": sigma must be finite and positive, got ",
          options.sigma);
  require(options.n0 >= 1 && options.n >= 1 && std::max(options.n0, options.n) < (std::int64_t{1} << 32), who,
          ": n0 and n must lie in [1, 2^32), got ", options.n0, " and ", options.n);
  require(options.alpha > 0 && options.alpha < 1, who, ": alpha must lie in (0, 1), got ", options.alpha);
  require(options.batch >= 1, who, ": batch must be at least 1, got ", options.batch);
  require_row_each(who, options.rows, x.size(0));
}

/// Calls `each(model, x_i, row_i, i)` for one sample after another, in eval mode, without gradients.
template <class Model, class Each>
void for_each_smoothed(Model& model, const at::Tensor& x, const smoothing_options& options, const Each& each) {
  const eval_scope scope{model};
  const untouched<std::remove_const_t<Model>> guard{model, x.device()};
  const at::NoGradGuard no_gradient;
  const classifier_view view = [&](const at::Tensor& input) { return model(input); };
  const at::Tensor rows = (options.rows.defined() ? options.rows : row_numbers(x.size(0), x)).to(at::kCPU);
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    each(view, x.narrow(0, i, 1), rows.narrow(0, i, 1), i);
    if (options.progress) {
      options.progress(i + 1);
    }
  }
}

}  // namespace detail

/// Certifies, by randomised smoothing, how far each sample of x [N, ...] may move in l2 without changing its class.
///
/// The certificate is of the smoothed classifier, the one that answers what `model` most often answers under normal
/// noise of deviation sigma: n0 draws choose its class, n others bound that class's probability p from below
/// (Clopper-Pearson, one-sided at alpha), and the radius is sigma times the normal quantile of the bound; it abstains
/// where the bound is not above 1/2. Each certificate is right with probability 1 - alpha at least, whatever the model;
/// a draw that gives a NaN counts against it. The noise is not clipped to the box: the theorem is of unclipped noise,
/// and the model should have been trained with such. Noise is keyed by (seed, row, draw): the same whatever `batch` and
/// the order of samples. The model is run in eval mode, without gradients; modes, buffers and generators are put back,
/// also after an exception. Throws std::invalid_argument for options out of range, a NaN in x, no samples, labels or
/// rows that are not one int64 each, and labels outside the model's classes. Cost: n0 + n forwards a sample, and the
/// noise, drawn on the host. Source: Cohen, Rosenfeld & Kolter 2019 (arXiv:1902.02918), theorem 1 and the algorithm
/// CERTIFY.
template <class Model>
[[nodiscard]] certification certify(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                    const smoothing_options& options = {}) {
  const auto began = std::chrono::steady_clock::now();
  detail::require_smoothing("certify", x, options);
  detail::require_label_each("certify", y, x.size(0));
  std::vector<std::int64_t> predicted(static_cast<std::size_t>(x.size(0)), -1);
  std::vector<double> radius(static_cast<std::size_t>(x.size(0)), 0);
  const auto certify_one = [&](const classifier_view& view, const at::Tensor& sample, const at::Tensor& row,
                               std::int64_t i) {
    const auto chosen = detail::count_classes(view, sample, row, 0, options.n0, options);
    if (i == 0) {
      detail::require_labels("certify", y, static_cast<std::int64_t>(chosen.size()) - 1);
    }
    const std::int64_t top = detail::most_frequent(chosen);
    if (top < 0) {
      return;
    }
    const auto counts = detail::count_classes(view, sample, row, 1, options.n, options);
    const double least = clopper_pearson_lower(counts[static_cast<std::size_t>(top)], options.n, options.alpha);
    if (least > 0.5) {
      predicted[static_cast<std::size_t>(i)] = top;
      radius[static_cast<std::size_t>(i)] = options.sigma * normal_quantile(least);
    }
  };
  detail::for_each_smoothed(model, x, options, certify_one);

  certification result{.n = x.size(0), .sigma = options.sigma, .alpha = options.alpha};
  result.predicted = at::tensor(predicted, at::kLong).to(y.device());
  result.radius = at::tensor(radius, at::kDouble).to(y.device());
  result.correct = result.predicted.eq(y);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

/// The smoothed classifier's class of each sample of x [N, ...], int64 [N], -1 where it abstains.
///
/// From n draws (n0 is not used): abstains unless the most frequent class beats the next one in a two-sided binomial
/// test at alpha, so that a class given is wrong with probability alpha at most. Noise, modes, guarantees and errors
/// are those of `certify`. Cost: n forwards a sample. Source: Cohen, Rosenfeld & Kolter 2019 (arXiv:1902.02918), the
/// algorithm PREDICT.
template <class Model>
[[nodiscard]] at::Tensor smoothed_prediction(Model&& model, const at::Tensor& x,
                                             const smoothing_options& options = {}) {
  detail::require_smoothing("smoothed_prediction", x, options);
  std::vector<std::int64_t> predicted(static_cast<std::size_t>(x.size(0)), -1);
  const auto predict_one = [&](const classifier_view& view, const at::Tensor& sample, const at::Tensor& row,
                               std::int64_t i) {
    auto counts = detail::count_classes(view, sample, row, 0, options.n, options);
    const std::int64_t top = detail::most_frequent(counts);
    std::sort(counts.begin(), counts.end(), std::greater<>{});
    // How likely two equally likely classes are to differ by as much: P[Bin(a + b, 1/2) >= a], on both sides.
    const auto a = static_cast<double>(counts[0]);
    const auto b = static_cast<double>(counts[1]);
    if (top >= 0 && 2 * detail::incomplete_beta(a, b + 1, 0.5) <= options.alpha) {
      predicted[static_cast<std::size_t>(i)] = top;
    }
  };
  detail::for_each_smoothed(model, x, options, predict_one);
  return at::tensor(predicted, at::kLong).to(x.device());
}

}  // namespace redoubt
