#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <redoubt/attack/any_attack.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/calibration.hpp>
#include <redoubt/drift/cusum.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/watch/logit_features.hpp>
#include <redoubt/watch/tiny_classifier.hpp>
#include <utility>
#include <vector>

namespace redoubt {

/// A mixture of attacks around `ball`: one step at a third, half and all of its radius, and PGD-10 at all of it.
///
/// What a detector should know when it does not know who attacks, and how hard. Cost of all four: 13 forwards and input
/// gradients a sample.
template <class Ball>
[[nodiscard]] std::vector<any_attack> attack_mixture(const Ball& ball, const redoubt::box& box = {}) {
  const auto scaled = [&](double factor) { return with_radius(ball, radius_of(ball).times(factor)); };
  return {fgsm{ball, {.box = box}}, fgsm{scaled(0.5), {.box = box}}, fgsm{scaled(1.0 / 3), {.box = box}},
          pgd{ball, {.step = radius_of(ball).times(0.25), .steps = 10, .box = box, .keep = iterate::last}}};
}

/// Tuning of `self_attack_detector`.
struct self_attack_options {
  double clip = 4;          ///< bound of one request's evidence, in nats: no single outlier may raise the alarm; > 0
  double run_length = 1e5;  ///< healthy requests until a false alarm, on average, as stated to the operator; >= 1
  double caution = 10;      ///< calibrated to run_length x caution, as new images differ from the calibration's; >= 1
  tiny_classifier_options classifier = {};  ///< of the classifier that tells clean from attacked
  std::int64_t batch = 256;                 ///< samples a forward; changes no outcome; >= 1
  std::uint64_t seed = 0;                   ///< of the calibration
};

/// Notices that a model is under attack without labels, by having attacked it first.
///
/// At deployment the model's own held-out data is attacked, a tiny classifier learns clean from attacked on
/// `logit_features`, and a CUSUM adds up its clipped logit over the requests. Reads what the model computes anyway; on
/// Fashion-MNIST it sees an FGSM attack in fewer requests than any detector that has the labels.
/// Its false-alarm rate is calibrated by simulation on held-out scores: it is an estimate, not a guarantee, and it
/// holds for clean requests like those of the calibration. Attacks unlike the mixture, and attackers who aim at the
/// detector as well, are seen later or not at all; keep a labelled alarm beside it. Its statistic is the CUSUM of Page
/// 1954 on an estimated log-likelihood ratio. Not for several threads at once.
class self_attack_detector {
 public:
  /// Attacks `model` on `fit_x` and learns; calibrates on `calibrate_x`, which must hold other samples.
  ///
  /// fit_x [N >= 2, ...] floating point in the attacks' box, fit_y int64 [N] (true labels), calibrate_x [M >= 1, ...].
  /// The model is used in eval mode; its modes and weights and the global generator are as they were afterwards. The
  /// same seeds and thread count give the same detector to the bit. Throws std::invalid_argument for no attacks,
  /// options out of range, where the classifier cannot tell clean from attacked, and as the attacks. Cost: the attacks
  /// on `fit_x`, and about a second.
  template <class Model>
  [[nodiscard]] static self_attack_detector learn(Model& model, const std::vector<any_attack>& attacks,
                                                  const at::Tensor& fit_x, const at::Tensor& fit_y,
                                                  const at::Tensor& calibrate_x,
                                                  const self_attack_options& options = {}) {
    require(!attacks.empty(), "self_attack_detector: needs at least one attack");
    require(options.batch >= 1, "self_attack_detector: batch must be at least 1, got ", options.batch);
    require(options.clip > 0, "self_attack_detector: clip must be above 0, got ", options.clip);
    const eval_scope scope{model};
    const at::Tensor clean = features_of(model, fit_x, options.batch);
    at::Tensor attacked = clean.new_empty({clean.size(0) * static_cast<std::int64_t>(attacks.size()), clean.size(1)});
    std::int64_t first = 0;
    for (const any_attack& attack : attacks) {
      const at::Tensor x = attack_all(attack, model, fit_x, fit_y, options.batch);
      attacked.narrow(0, first, clean.size(0)).copy_(features_of(model, x, options.batch));
      first += clean.size(0);
    }
    self_attack_detector made{tiny_classifier::fit(clean, attacked, options.classifier), options};
    const std::vector<double> healthy = made.scores(model, calibrate_x);
    const double threshold =
        cusum_threshold(healthy, {.run_length = options.run_length * options.caution, .seed = options.seed});
    // At least the clip: no single request may raise the alarm, however well the calibration's are told from attacks.
    made.cusum_ =
        cusum{{.target = 0, .slack = 0, .threshold = std::max(options.clip, threshold), .mode = direction::up}};
    return made;
  }

  /// The clipped evidence of attack, in nats, of each request of x [N >= 1, ...]: what `update` takes. In eval mode;
  /// modes are put back. Cost: a forward.
  template <class Model>
  [[nodiscard]] std::vector<double> scores(Model& model, const at::Tensor& x) const {
    const eval_scope scope{model};
    return clipped(features_of(model, x, options_.batch));
  }

  /// The same where the caller has the model's logits [N, C] of x, in eval mode, already: a forward pass less.
  template <class Model>
  [[nodiscard]] std::vector<double> scores(Model& model, const at::Tensor& x, const at::Tensor& logits) const {
    const eval_scope scope{model};
    return clipped(in_parts(x.size(0), options_.batch, [&](std::int64_t first, std::int64_t count) {
      return logit_features(model, x.narrow(0, first, count), logits.narrow(0, first, count));
    }));
  }

  /// Takes in one request's score; throws std::invalid_argument for one that is not finite. After an alarm it starts
  /// afresh.
  alarm update(double score) { return cusum_.update(score); }

  /// Forgets the requests seen, not what was learnt.
  void reset() { cusum_.reset(); }
  /// Goes on from a `statistic()` that was kept; throws std::invalid_argument unless it is finite and >= 0.
  void resume(double statistic) { cusum_.resume(statistic, 0, 0); }
  /// The evidence added up, in nats; >= 0.
  [[nodiscard]] double statistic() const { return cusum_.statistic(); }
  /// Where it alarms, in nats.
  [[nodiscard]] double threshold() const { return cusum_.options().threshold; }
  /// As they were given.
  [[nodiscard]] const self_attack_options& options() const { return options_; }

 private:
  self_attack_detector(tiny_classifier classifier, self_attack_options options)
      : classifier_{std::move(classifier)}, options_{options} {}

  template <class Model>
  static at::Tensor features_of(Model& model, const at::Tensor& x, std::int64_t batch) {
    return in_parts(x.size(0), batch, [&](std::int64_t first, std::int64_t count) {
      return logit_features(model, x.narrow(0, first, count));
    });
  }

  // The features of `samples` samples, so many at a time: `features(first, count)` gives those of a part.
  template <class Features>
  static at::Tensor in_parts(std::int64_t samples, std::int64_t batch, const Features& features) {
    at::Tensor all;
    for (std::int64_t first = 0; first < samples; first += batch) {
      const at::Tensor part = features(first, std::min(batch, samples - first));
      if (!all.defined()) {
        all = part.new_empty({samples, part.size(1)});
      }
      all.narrow(0, first, part.size(0)).copy_(part);
    }
    return all;
  }

  [[nodiscard]] std::vector<double> clipped(const at::Tensor& features) const {
    return detail::vector_of<double>(classifier_(features).clamp(-options_.clip, options_.clip));
  }

  template <class Model>
  static at::Tensor attack_all(const any_attack& attack, Model& model, const at::Tensor& x, const at::Tensor& y,
                               std::int64_t batch) {
    const classifier_view view = [&](const at::Tensor& input) { return model(input); };
    const at::Tensor rows = row_numbers(y.size(0), y);
    at::Tensor attacked = x.new_empty(x.sizes());
    for (std::int64_t first = 0; first < x.size(0); first += batch) {
      const std::int64_t count = std::min(batch, x.size(0) - first);
      const at::Tensor some = rows.narrow(0, first, count);
      attacked.narrow(0, first, count)
          .copy_(attack.at(some)(view, x.narrow(0, first, count), y.narrow(0, first, count), some));
    }
    return attacked;
  }

  tiny_classifier classifier_;
  self_attack_options options_;
  cusum cusum_{};
};

}  // namespace redoubt
