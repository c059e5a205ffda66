#include "monitors.hpp"

#include "html.hpp"

#include <cmath>
#include <redoubt/core/philox.hpp>
#include <redoubt/drift/adwin.hpp>
#include <redoubt/drift/cusum.hpp>
#include <redoubt/drift/ddm.hpp>
#include <redoubt/drift/eddm.hpp>
#include <redoubt/drift/page_hinkley.hpp>
#include <redoubt/drift/windowed_ks.hpp>
#include <utility>

namespace redoubt::program {
namespace {

template <class Detector>
std::function<alarm(double)> streaming(Detector detector) {
  return [detector = std::move(detector)](double value) mutable { return detector.update(value); };
}

std::string requests(double count) {
  return grouped(static_cast<std::int64_t>(count)) + " requests";
}

}  // namespace

e_sr acting_alarm(const healthy_state& healthy) {
  return e_sr{{.healthy = healthy.error_limit, .run_length = healthy.run_length}};
}

monitors::monitors(const healthy_state& healthy, self_attack_detector label_free) {
  const double rate = healthy.error_limit;
  add(sight::error,
      {.name = "e-SR",
       .kind = evidence::labelled,
       .acts = true,
       .note = "errors; at least " + requests(healthy.run_length) +
               " to a false alarm on average, guaranteed while the error rate is at most " + percent(rate)},
      streaming(acting_alarm(healthy)));
  const double label_free_run_length = label_free.options().run_length;
  add(sight::attack_score,
      {.name = "self-attack CUSUM",
       .kind = evidence::label_free,
       .note = "features and logits; calibrated to " + requests(label_free_run_length) +
               " to a false alarm, not guaranteed"},
      streaming(std::move(label_free)));
  // A CUSUM for an error rate that rises from the healthy one to twice as much, in units of its deviation.
  const double deviation = std::sqrt(rate * (1 - rate));
  add(sight::error, {.name = "CUSUM", .kind = evidence::labelled, .note = "errors; threshold for this stream by hand"},
      streaming(cusum{{.target = rate, .slack = 0.5 * deviation, .threshold = 16 * deviation, .mode = direction::up}}));
  add(sight::error, {.name = "DDM", .kind = evidence::labelled, .note = "errors; defaults, no guarantee"},
      streaming(ddm{}));
  add(sight::error, {.name = "EDDM", .kind = evidence::labelled, .note = "distance of errors; defaults, no guarantee"},
      streaming(eddm{}));
  add(sight::error,
      {.name = "ADWIN", .kind = evidence::labelled, .note = "errors; delta 0.002 bounds each step, not the run"},
      streaming(adwin{}));
  add(sight::error, {.name = "Page-Hinkley", .kind = evidence::labelled, .note = "errors; defaults, no guarantee"},
      streaming(page_hinkley{}));
  add(sight::confidence,
      {.name = "KS test", .kind = evidence::two_sample, .note = "confidence, the last 200 requests; p < 1e-6 every 50"},
      streaming(windowed_ks{healthy.confidences}));
}

void monitors::add(sight what, detector_figures figures, std::function<alarm(double)> update) {
  watched_.push_back({std::move(figures), std::move(update)});
  sights_.push_back(what);
}

void monitors::tell(sight what, std::int64_t request, double value) {
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    if (sights_[i] != what || watched_[i].update(value) != alarm::drift) {
      continue;
    }
    detector_figures& figures = watched_[i].figures;
    if (!attack_began_at_) {
      ++figures.false_alarms;
    } else if (!figures.position) {
      figures.position = request;
      if (what == sight::error) {
        figures.labels_seen = attacked_labels_;
      }
    }
  }
}

void monitors::see(std::int64_t request, const observation& seen) {
  tell(sight::attack_score, request, seen.attack_score);
  tell(sight::confidence, request, seen.confidence);
}

void monitors::see_label(std::int64_t request, bool wrong, bool attacked) {
  attacked_labels_ += attacked ? 1 : 0;
  tell(sight::error, request, wrong ? 1 : 0);
}

detection_figures monitors::figures() const {
  detection_figures all;
  all.attack_began_at = attack_began_at_;
  for (const watched& each : watched_) {
    all.detectors.push_back(each.figures);
  }
  const detector_figures& acting = all.detectors[0];
  const detector_figures& label_free = all.detectors[1];
  all.flagged_at = acting.position;
  all.labels_seen = acting.labels_seen;
  all.flagged_without_labels_at = label_free.position;
  all.false_alarms = acting.false_alarms + label_free.false_alarms;
  return all;
}

replayed_alarms replay_clean(const healthy_state& healthy, self_attack_detector label_free,
                             const std::vector<double>& errors, const std::vector<double>& attack_scores,
                             std::int64_t count, std::uint64_t seed) {
  e_sr acting = acting_alarm(healthy);
  label_free.reset();
  replayed_alarms alarms{.requests = count};
  philox_sequence random{seed};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::size_t drawn = random.below(static_cast<std::uint32_t>(errors.size()));
    alarms.acting += acting.update(errors[drawn]) == alarm::drift ? 1 : 0;
    alarms.label_free += label_free.update(attack_scores[drawn]) == alarm::drift ? 1 : 0;
  }
  return alarms;
}

}  // namespace redoubt::program
