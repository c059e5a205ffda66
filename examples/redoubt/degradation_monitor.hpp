#pragma once

#include "background_pace.hpp"
#include "cloud_event.hpp"
#include "data.hpp"
#include "escalation.hpp"
#include "prediction_journal.hpp"
#include "served_model.hpp"

#include <ATen/core/Tensor.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <redoubt/watch/degradation_watch.hpp>
#include <redoubt/watch/self_attack.hpp>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace redoubt::program {

struct monitor_options {
  std::string name = "model";
  std::string source = "/redoubt/monitor";  ///< of the events that it sends
  std::filesystem::path state = {};         ///< folder of what a restart goes on from; empty: none
  double eps = 0.1;                         ///< linf radius of the attacks that the label-free detector learns from
  std::optional<double> error_limit = {};   ///< empty: from the reference, see `margin`
  double margin = 0.02;                     ///< above the upper end of the reference error's 95 % interval
  double run_length = 1e6;                  ///< labels until a false alarm, on average, as promised
  bool act_on_any = false;                  ///< act on alarms without labels, too, whose rate is not guaranteed
  escalation_options escalation = {};
  std::size_t most_waiting = 4096;        ///< requests in the queue; what comes then is passed over
  std::size_t most_predictions = 100000;  ///< requests whose labels may still come
  bool yields = false;  ///< works while no other thread wants the processor; stops even while it learns
};

/// What a monitor knows by now; as `/status` and `/metrics` tell it.
struct monitor_figures {
  bool ready = false;   ///< has learnt the detectors for the model that serves
  std::string trouble;  ///< why it is not, where that will not mend itself
  std::int64_t model_version = 0;
  std::string model_digest;
  std::string incarnation;  ///< another one where the running sums began at 0
  std::int64_t requests = 0;
  std::int64_t waiting = 0;     ///< requests and labels in the queue, or being looked at
  std::int64_t skipped = 0;     ///< requests that came faster than they could be looked at
  std::int64_t duplicates = 0;  ///< requests of an id that was known
  std::map<std::string, std::int64_t> labels = {{"matched", 0}, {"early", 0}, {"duplicate", 0}, {"refused", 0}};
  double error_limit = 0;
  double run_length = 0;
  std::int64_t errors = 0;           ///< among matched labels, since this model serves
  std::optional<double> error_rate;  ///< over the newest labels
  evidence_state labelled;
  evidence_state label_free;
  evidence_state two_sample;
  std::vector<double> lambdas;
  std::vector<double> log_evidence;
  bool retraining_in_flight = false;
  std::int64_t reported = 0;
};

/// Watches a served model through its requests and their delayed labels, and reports when it gets worse.
///
/// Works on a thread of its own. It computes logits, features and scores itself, on a copy of the model; what it needs
/// to know of a healthy model it learns from reference data that the model was not trained on, once at the start and
/// once for each model that takes over. All that it tells (`figures`) has been written to `state` before, so that no
/// restart takes back what others have read.
class degradation_monitor {
 public:
  static constexpr std::size_t longest_id = 256;  ///< bytes

  /// `reference`: floats as the model takes them, at least 300. `report` gets the events, on the monitor's thread.
  /// Throws std::runtime_error where `options.state` cannot be read or written.
  degradation_monitor(served_model& model, samples reference, monitor_options options,
                      std::function<void(const cloud_event&)> report);
  degradation_monitor(const degradation_monitor&) = delete;
  degradation_monitor& operator=(const degradation_monitor&) = delete;
  ~degradation_monitor();

  /// A request has been answered; x float [n, sample...]. Its labels are matched by `id`, none come where that is
  /// empty. With `once` a request whose id is known is passed over: an event may come twice. False where too many
  /// wait, which costs next to nothing.
  bool see_request(const std::string& id, const at::Tensor& x, bool once);
  /// Labels of a request, as many as it had samples; they may come before it. False where too many wait.
  bool see_labels(const std::string& id, std::vector<std::int64_t> labels);
  /// The retraining that was asked for has ended.
  void retraining_finished();

  /// Returns once all that came before has been worked on and kept.
  void settle();

  [[nodiscard]] monitor_figures figures() const;
  [[nodiscard]] const monitor_options& options() const { return options_; }

 private:
  using watch = degradation_watch<self_attack_detector>;
  struct request {
    std::string id;
    at::Tensor x;
    bool once;
  };
  struct labels {
    std::string id;
    std::vector<std::int64_t> values;
  };
  struct finished {};
  using task = std::variant<request, labels, finished>;

  // What the model makes of the samples in some tasks, a row each.
  struct inferred {
    std::vector<std::int64_t> first_rows;  // of each task; -1: no request, or one that is known
    at::Tensor predicted;
    at::Tensor measures;
    std::vector<double> scores;
  };

  void enqueue(task what);
  void work();
  void keep_watch();
  [[nodiscard]] std::vector<task> next_tasks();
  void say_what_is_skipped();
  void follow_model();
  void learn(const served_model::edition& edition);
  void give_way(const processor_turns& before);
  void start(bool first);
  void resume();
  void look_at(const std::vector<task>& tasks);
  [[nodiscard]] inferred infer(const std::vector<task>& tasks) const;
  void look_at(const request& one, const inferred& found, std::int64_t first);
  void look_at(const labels& arrived);
  void match(const labels& arrived);
  void hold_early(const labels& arrived);
  void raise(degradation_alarms alarms);
  [[nodiscard]] std::optional<double> newest_error_rate() const;
  [[nodiscard]] cloud_event event_of(const std::string& what, std::int64_t number) const;
  void keep();
  void publish();

  served_model& model_;
  samples reference_;
  monitor_options options_;
  std::function<void(const cloud_event&)> report_;

  // The worker's own.
  std::optional<watch> watch_;
  std::optional<script_model> copy_;
  prediction_journal journal_;
  std::map<std::string, std::vector<std::int64_t>> early_;  // labels whose request has not come yet
  std::deque<std::string> early_order_;
  std::deque<bool> newest_;  // whether the newest labels were errors
  escalation acting_;
  escalation suspecting_;
  monitor_figures now_;
  std::int64_t said_skipped_ = 0;  // and how many were looked at by then, and when to speak again
  std::int64_t said_requests_ = 0;
  double next_word_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<task> queue_;
  std::int64_t given_ = 0;  // tasks
  std::int64_t done_ = 0;
  monitor_figures published_;
  bool stopping_ = false;
  std::atomic<std::size_t> requests_waiting_ = 0;
  std::atomic<std::size_t> labels_waiting_ = 0;
  std::atomic<std::int64_t> skipped_ = 0;
  std::thread thread_;  // last: it runs as soon as it is there
};

}  // namespace redoubt::program
