#pragma once

#include "data.hpp"
#include "loop_report.hpp"

#include <cstdint>
#include <optional>
#include <redoubt/model/script.hpp>

namespace redoubt::program {

/// What the closed loop does, and when. Requests are its clock.
struct loop_plan {
  double eps = 0.1;  ///< linf, of the attack and of the training against it
  std::uint64_t seed = 1;

  int standard_epochs = 6;
  double standard_rate = 2e-3;

  int width = 1;  ///< of the hardened network
  int hardened_epochs = 12;
  int attack_steps = 2;  ///< of PGD in training, together 1.4 of training's eps long
  double hardened_rate = 8e-3;
  double averaging = 0.999;
  double caution = 1;  ///< training's eps is so many times the attack's: robust for clean accuracy
  int shift = 0;       ///< pixels that training images move by at random; keeps long training from robust overfitting

  std::int64_t clean_requests = 6000;      ///< before the attack begins
  std::int64_t training_requests = 4700;   ///< answered while the training runs
  std::int64_t white_box_requests = 2000;  ///< after deployment: the attacker attacks the new model
  std::int64_t replayed_requests = 2000;   ///< then he replays what he made against the old one
  std::int64_t label_delay = 50;           ///< requests between a prediction and its label
  double run_length = 1e6;                 ///< of the acting alarm: healthy requests to a false one, on average
  double margin = 0.02;  ///< the healthy limit lies so far above the upper end of the gate's clean error's interval

  std::int64_t learnt_samples = 50000;  ///< training images to learn from; the 10,000 after them are held out

  /// The longer run of `--full`.
  [[nodiscard]] static loop_plan full();
};

/// What a run leaves: the report and the two models.
struct loop_result {
  loop_report report;
  script_model standard;
  std::optional<script_model> hardened;  ///< empty where nothing was deployed
};

/// The experiment of arXiv 2605.15249, for real: a standard model serves a stream of requests; an FGSM attack begins;
/// the degradation is flagged; PGD adversarial training runs while requests go on; the gate is passed; the hardened
/// model takes over without a dropped request; the attacker attacks that one, and replays the old attack.
///
/// Learns from the first 50,000 training images; training's held-out look, the detectors' fit and calibration and the
/// gate use disjoint parts of the next 10,000; the stream and the final figures use the test set only.
/// Everything runs on a virtual clock: the same seed, thread count and machine give the same report, but for seconds.
/// Throws `interruption` on Ctrl-C.
[[nodiscard]] loop_result run_closed_loop(const loop_plan& plan, const samples& training, const samples& test);

}  // namespace redoubt::program
