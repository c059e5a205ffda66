#pragma once

#include "picture.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace redoubt::program {

/// Accuracies in [0, 1] of one model on the whole test set; empty where it was not measured.
struct model_figures {
  std::optional<double> clean = {};
  std::optional<double> fgsm = {};
  std::optional<double> pgd = {};
  std::optional<double> auto_attack = {};
};

enum class evidence {
  labelled,    ///< sees whether each prediction was right, once its label has arrived
  label_free,  ///< sees each request's features or logits alone
  two_sample,  ///< compares a window of requests with held-out data
};

/// The kind as the page and the JSON name it.
[[nodiscard]] constexpr const char* kind_name(evidence kind) {
  switch (kind) {
    case evidence::labelled:
      return "labelled";
    case evidence::label_free:
      return "label-free";
    case evidence::two_sample:
      return "two-sample";
  }
  return "";
}

struct detector_figures {
  std::string name = {};
  evidence kind = evidence::labelled;
  bool acts = false;                             ///< its alarm starts the training
  std::optional<std::int64_t> position = {};     ///< 0-based request at which it first fired after the attack began
  std::optional<std::int64_t> labels_seen = {};  ///< labels of attacked requests that had arrived by then
  std::int64_t false_alarms = 0;                 ///< before the attack began
  std::string note = {};                         ///< what it watches and what it guarantees
};

struct detection_figures {
  std::optional<std::int64_t> attack_began_at = {};
  std::optional<std::int64_t> flagged_at = {};  ///< by the alarm that acts
  std::optional<std::int64_t> labels_seen = {};
  std::optional<std::int64_t> flagged_without_labels_at = {};
  std::int64_t false_alarms = 0;  ///< of those two, before the attack began
  std::vector<detector_figures> detectors = {};
};

/// An accuracy with its 95 % confidence interval.
struct measured {
  double value = 0;
  double low = 0;
  double high = 0;
};

struct gate_figures {
  struct side {
    measured clean = {};
    measured robust = {};
  };
  bool promote = false;
  std::vector<std::string> reasons = {};
  side baseline = {};   ///< the standard model, on held-out data
  side candidate = {};  ///< the hardened one
};

struct series_point {
  std::int64_t request = 0;
  double accuracy = 0;    ///< over the last `loop_report::window` requests
  int model_version = 1;  ///< the one that served this request
};

struct epoch_point {
  double epoch = 0;
  std::optional<double> clean = {};  ///< held-out accuracies of the model in training
  std::optional<double> robust = {};
};

/// One request of the attack. Labels and predictions index `loop_report::class_names`.
struct image_row {
  picture clean = {};
  picture perturbation = {};  ///< 128 is no change, 1 and 255 are -eps and +eps
  picture adversarial = {};   ///< made against the standard model
  int label = 0;
  int clean_prediction = 0;     ///< the standard model's, on the clean picture
  int attacked_prediction = 0;  ///< the standard model's, on the adversarial picture
  int hardened_prediction = 0;  ///< the hardened model's, on the same adversarial picture
};

/// Alarms over clean requests drawn with replacement from the test set, beside the run lengths stated for them.
struct replayed_clean {
  std::int64_t requests = 0;
  std::int64_t acting_alarms = 0;
  std::int64_t label_free_alarms = 0;
  double acting_run_length = 0;      ///< guaranteed: healthy requests to a false alarm, on average
  double label_free_run_length = 0;  ///< calibrated, not guaranteed
};

/// All that `redoubt loop` tells of a run, as plain data: the page, the table and the JSON are made from it alone.
/// Positions are 0-based request numbers; an empty optional is something that did not happen or is not built.
struct loop_report {
  std::string data_set = "Fashion-MNIST";
  std::vector<std::string> class_names = {};
  double eps = 0;
  std::string pgd_name = "PGD-40";

  model_figures standard = {};
  model_figures hardened = {};
  std::optional<double> recovered_white_box = {};  ///< hardened, in the stream, attacked through its own gradient
  std::optional<double> recovered_replayed = {};   ///< hardened, on the attack made against the standard model
  detection_figures detection = {};
  std::optional<gate_figures> gate = {};
  std::optional<replayed_clean> replayed = {};

  std::optional<std::int64_t> training_began_at = {};
  std::optional<std::int64_t> training_ended_at = {};
  std::optional<std::int64_t> deployed_at = {};
  std::optional<std::int64_t> replay_began_at = {};  ///< of the old attack, against the hardened model
  std::int64_t requests = 0;
  std::int64_t dropped_requests = 0;
  std::int64_t label_delay = 0;  ///< requests between a prediction and its label
  std::int64_t window = 0;       ///< requests that each accuracy of `series` covers

  std::vector<series_point> series = {};
  std::vector<epoch_point> training = {};
  std::vector<image_row> images = {};

  std::vector<std::pair<std::string, double>> seconds = {};        ///< a phase and how long it took, in order
  std::vector<std::pair<std::string, std::string>> versions = {};  ///< "redoubt", "LibTorch", "compiler", "CPU", ...
  std::int64_t seed = 0;
  std::string command = {};  ///< the command line that repeats the run
};

}  // namespace redoubt::program
