#pragma once

#include "loop_report.hpp"

#include <cstdint>
#include <functional>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/e_detector.hpp>
#include <redoubt/watch/self_attack.hpp>
#include <vector>

namespace redoubt::program {

/// What is known of a healthy model before it serves: what the monitors are set by.
struct healthy_state {
  double error_limit = 0;           ///< largest error rate that is still in order
  double run_length = 0;            ///< healthy requests until a false alarm, on average, as promised
  std::vector<double> confidences;  ///< largest softmax probability of each held-out sample
};

/// What one answered request shows without its label.
struct observation {
  double attack_score = 0;  ///< of the self-attack detector
  double confidence = 0;    ///< largest softmax probability
};

/// The detectors side by side: one acts, the others are shown beside it.
///
/// Requests are numbered from 0 in the order they are answered. Each detector is told what it can see, when it can see
/// it; its first alarm after the attack began is kept, and its alarms before are counted.
class monitors {
 public:
  monitors(const healthy_state& healthy, self_attack_detector label_free);

  void attack_begins(std::int64_t request) { attack_began_at_ = request; }

  /// A request is answered.
  void see(std::int64_t request, const observation& seen);
  /// A label arrives, while `request` is the newest request: whether that prediction was wrong, and was of the attack.
  void see_label(std::int64_t request, bool wrong, bool attacked);

  /// Whether the alarm that acts has fired since the attack began.
  [[nodiscard]] bool alarmed() const { return watched_.front().figures.position.has_value(); }

  /// The figures of all detectors, the acting one first.
  [[nodiscard]] detection_figures figures() const;

 private:
  struct watched {
    detector_figures figures;
    std::function<alarm(double)> update;
  };
  enum class sight { error, attack_score, confidence };

  void add(sight what, detector_figures figures, std::function<alarm(double)> update);
  void tell(sight what, std::int64_t request, double value);

  std::vector<watched> watched_;  // the acting alarm first, the label-free one second
  std::vector<sight> sights_;
  std::optional<std::int64_t> attack_began_at_;
  std::int64_t attacked_labels_ = 0;
};

/// The alarm that acts: e-SR on errors, with its guaranteed run length.
[[nodiscard]] e_sr acting_alarm(const healthy_state& healthy);

/// How often the acting and the label-free alarm fire over `count` clean requests, drawn with replacement from what was
/// seen of clean requests: `errors` (0 or 1) and `attack_scores`.
struct replayed_alarms {
  std::int64_t requests = 0;
  std::int64_t acting = 0;
  std::int64_t label_free = 0;
};
[[nodiscard]] replayed_alarms replay_clean(const healthy_state& healthy, self_attack_detector label_free,
                                           const std::vector<double>& errors, const std::vector<double>& attack_scores,
                                           std::int64_t count, std::uint64_t seed);

}  // namespace redoubt::program
