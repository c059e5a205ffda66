#include "degradation_monitor.hpp"

#include "files.hpp"
#include "healthy_limit.hpp"
#include "monitor_state.hpp"
#include "rfc3339.hpp"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iomanip>
#include <iostream>
#include <random>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/model/detail/sealed_archive.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/watch/request_measures.hpp>
#include <set>
#include <sstream>
#include <utility>

namespace redoubt::program {
namespace {

constexpr std::int64_t fewest_references = 300;
constexpr std::size_t most_tasks = 64;      // looked at together
constexpr std::size_t most_labels = 4096;   // in the queue
constexpr std::size_t most_early = 10000;   // requests whose labels came first
constexpr std::size_t newest_labels = 200;  // that the reported error rate covers
constexpr int rest_of_watching = 9;         // see rest_after
constexpr int rest_of_learning = 2;         // shorter: until the detectors are learnt nobody watches
constexpr std::int64_t learning_batch = 256;

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string new_incarnation() {
  std::ostringstream digits;
  digits << std::hex << std::setw(8) << std::setfill('0') << std::random_device{}();
  return digits.str();
}

void say(const std::exception& error) {
  std::cerr << "monitor: " << redoubt::detail::first_line(error) << '\n' << std::flush;
}

// The model as the detectors learn from it: before each batch comes a pause.
template <class Pause>
struct paced_model {
  const script_model& model;
  Pause pause;

  at::Tensor operator()(const at::Tensor& x) const {
    pause();
    return model(x);
  }
  [[nodiscard]] std::optional<at::Tensor> features(const at::Tensor& x) const { return model.features(x); }
};

// Thrown where a monitor that yields stops in the middle of learning; no error.
struct stopped {};

}  // namespace

degradation_monitor::degradation_monitor(served_model& model, samples reference, monitor_options options,
                                         std::function<void(const cloud_event&)> report)
    : model_{model},
      reference_{std::move(reference)},
      options_{std::move(options)},
      report_{std::move(report)},
      journal_{options_.state.empty() ? "" : options_.state / "predictions.jsonl", options_.most_predictions},
      acting_{options_.escalation},
      suspecting_{options_.escalation} {
  require(reference_.count() >= fewest_references, "monitor: the reference has ", reference_.count(),
          " samples; needs at least ", fewest_references, " that the model was not trained on");
  const at::IntArrayRef shape{reference_.images.sizes()};
  require(shape == at::IntArrayRef{model_.batch_shape(shape[0])}, "monitor: the reference's images are ", shape,
          ", the model's samples ", at::IntArrayRef{model_.sample()});
  thread_ = std::thread{[this] { work(); }};
}

degradation_monitor::~degradation_monitor() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool degradation_monitor::see_request(const std::string& id, const at::Tensor& x, bool once) {
  require(id.size() <= longest_id, "monitor: an id may have ", longest_id, " bytes, got ", id.size());
  // Without the lock, which those who answer requests would wait for; a few too many do no harm.
  if (requests_waiting_ >= options_.most_waiting) {
    ++skipped_;
    return false;
  }
  ++requests_waiting_;
  enqueue(request{id, x, once});
  return true;
}

bool degradation_monitor::see_labels(const std::string& id, std::vector<std::int64_t> values) {
  require(!id.empty() && id.size() <= longest_id, "monitor: an id must have 1 to ", longest_id, " bytes, got ",
          id.size());
  require(!values.empty(), "monitor: no label for ", id);
  if (labels_waiting_ >= most_labels) {
    return false;
  }
  ++labels_waiting_;
  enqueue(labels{id, std::move(values)});
  return true;
}

void degradation_monitor::retraining_finished() {
  enqueue(finished{});
}

void degradation_monitor::enqueue(task what) {
  bool first = false;
  {
    const std::scoped_lock lock{mutex_};
    first = queue_.empty();
    queue_.push_back(std::move(what));
    ++given_;
  }
  if (first) {  // else the worker is not waiting: to wake it costs the server more than to put the task there
    changed_.notify_all();
  }
}

void degradation_monitor::settle() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return (published_.ready || !published_.trouble.empty()) && done_ == given_; });
}

monitor_figures degradation_monitor::figures() const {
  const std::scoped_lock lock{mutex_};
  monitor_figures now = published_;
  now.skipped = skipped_;
  now.waiting = given_ - done_;
  return now;
}

void degradation_monitor::work() {
  if (options_.yields) {
    work_only_when_idle();
  }
  try {
    keep_watch();
  } catch (const stopped&) {  // nothing has been learnt, so there is nothing to finish
  }
}

void degradation_monitor::keep_watch() {
  follow_model();
  while (true) {
    const std::vector<task> tasks = next_tasks();
    const processor_turns before = turns_until_now();
    follow_model();  // now, so that what came after a swap meets the new model
    if (watch_ && !tasks.empty()) {
      try {
        look_at(tasks);
        keep();
      } catch (const std::exception& error) {  // a model that fails on one batch may be well on the next
        say(error);
      }
    }
    publish();
    say_what_is_skipped();
    std::unique_lock lock{mutex_};
    done_ += static_cast<std::int64_t>(tasks.size());
    changed_.notify_all();
    if (stopping_ && queue_.empty()) {
      return;
    }
    if (options_.yields) {
      changed_.wait_for(lock, rest_after(before, turns_until_now(), rest_of_watching), [this] { return stopping_; });
    }
  }
}

// Once a minute at most: under load it would be said all the time.
void degradation_monitor::say_what_is_skipped() {
  const double now = unix_seconds();
  const std::int64_t skipped = skipped_;
  if (skipped > said_skipped_ && now >= next_word_) {
    std::cerr << "monitor: requests come faster than they can be looked at: " << skipped - said_skipped_ << " of "
              << skipped - said_skipped_ + now_.requests - said_requests_ << " were passed over\n"
              << std::flush;
    said_skipped_ = skipped;
    said_requests_ = now_.requests;
    next_word_ = now + 60;
  }
}

std::vector<degradation_monitor::task> degradation_monitor::next_tasks() {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, std::chrono::milliseconds{500}, [this] { return stopping_ || !queue_.empty(); });
  std::vector<task> tasks;
  while (!queue_.empty() && tasks.size() < most_tasks) {
    tasks.push_back(std::move(queue_.front()));
    queue_.pop_front();
    requests_waiting_ -= std::holds_alternative<request>(tasks.back()) ? 1 : 0;
    labels_waiting_ -= std::holds_alternative<labels>(tasks.back()) ? 1 : 0;
  }
  return tasks;
}

// A model that takes over has its own error rate and its own look under attack: the detectors are learnt anew.
void degradation_monitor::follow_model() {
  const auto edition = model_.current();
  if (now_.model_version == edition->version) {
    return;
  }
  const bool first = now_.model_version == 0;
  now_.ready = false;
  now_.model_version = edition->version;
  now_.model_digest = edition->digest;
  publish();
  try {
    learn(*edition);
    start(first);
    now_.ready = true;
    now_.trouble.clear();
  } catch (const std::exception& error) {
    watch_.reset();  // until another model comes
    now_.trouble = redoubt::detail::first_line(error);
    say(error);
  }
  publish();
}

// What was kept belongs to this model, or to one that has served before it.
void degradation_monitor::start(bool first) {
  now_.incarnation = new_incarnation();
  now_.error_limit = watch_->options().error_limit;
  now_.run_length = watch_->options().run_length;
  now_.lambdas = watch_->lambdas();
  if (first) {
    resume();
  } else {
    journal_.clear();
    early_.clear();
    early_order_.clear();
    newest_.clear();
    acting_.finished(unix_seconds());
  }
  keep();
}

// Lets those who answer requests have the processor; gives up where they stop.
void degradation_monitor::give_way(const processor_turns& before) {
  const auto rest = rest_after(before, turns_until_now(), rest_of_learning);
  std::unique_lock lock{mutex_};
  if (changed_.wait_for(lock, rest, [this] { return stopping_; })) {
    throw stopped{};
  }
}

void degradation_monitor::learn(const served_model::edition& edition) {
  copy_ = edition.model.clone();
  copy_->train(false);
  processor_turns before = turns_until_now();
  const auto pause = [&] {
    if (options_.yields) {
      give_way(before);
      before = turns_until_now();
    }
  };
  const paced_model<decltype(pause)> model{*copy_, pause};
  const std::int64_t third = reference_.count() / 3;
  const samples fit = reference_.part(0, third);
  const samples calibrate = reference_.part(third, third);
  const samples last = reference_.part(2 * third, reference_.count() - 2 * third);
  const double limit = options_.error_limit ? *options_.error_limit : healthy_limit(model, last, options_.margin);
  auto detector = self_attack_detector::learn(model, attack_mixture(linf{.radius = options_.eps}), fit.images,
                                              fit.labels, calibrate.images, {});
  const at::NoGradGuard no_gradient;
  std::vector<at::Tensor> parts;
  for (const at::Tensor& images : calibrate.images.split(learning_batch)) {
    parts.push_back(request_measures(images, model(images)));
  }
  const at::Tensor measures = at::cat(parts);
  std::vector<std::vector<double>> healthy;
  for (std::int64_t m = 0; m < measures.size(1); ++m) {
    healthy.push_back(detail::vector_of<double>(measures.select(1, m)));
  }
  watch_.emplace(degradation_options{.error_limit = limit, .run_length = options_.run_length}, std::move(detector),
                 healthy);
}

void degradation_monitor::resume() {
  if (options_.state.empty() || !std::filesystem::exists(options_.state / "state.json")) {
    return;
  }
  const monitor_state kept = read_monitor_state(options_.state / "state.json");
  acting_.resume(kept.acting);
  suspecting_.resume(kept.suspecting);
  if (kept.model_digest != now_.model_digest) {  // another model took over while nobody watched
    journal_.clear();
    acting_.finished(unix_seconds());
  } else if (kept.error_limit == watch_->options().error_limit && kept.run_length == watch_->options().run_length) {
    watch_->resume(kept.watch);
    now_.incarnation = kept.incarnation;
  }
}

void degradation_monitor::look_at(const std::vector<task>& tasks) {
  const inferred found = infer(tasks);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (const auto* const one = std::get_if<request>(&tasks[i])) {
      look_at(*one, found, found.first_rows[i]);
    } else if (const auto* const arrived = std::get_if<labels>(&tasks[i])) {
      look_at(*arrived);
    } else {
      acting_.finished(unix_seconds());
    }
  }
}

// All requests share a forward pass, whatever comes between them.
degradation_monitor::inferred degradation_monitor::infer(const std::vector<task>& tasks) const {
  inferred found;
  std::vector<at::Tensor> parts;
  std::set<std::string> ids;
  std::int64_t rows = 0;
  for (const task& each : tasks) {
    const auto* const one = std::get_if<request>(&each);
    const bool is_new = one != nullptr && (!one->once || (!journal_.knows(one->id) && ids.insert(one->id).second));
    found.first_rows.push_back(is_new ? rows : -1);
    if (is_new) {
      parts.push_back(one->x);
      rows += one->x.size(0);
    }
  }
  if (rows > 0) {
    const at::Tensor x = at::cat(parts);
    const at::NoGradGuard no_gradient;
    const at::Tensor logits = (*copy_)(x);
    found.predicted = logits.argmax(1).contiguous();
    found.measures = request_measures(x, logits).contiguous();
    found.scores = watch_->label_free_detector().scores(*copy_, x, logits);
  }
  return found;
}

void degradation_monitor::look_at(const request& one, const inferred& found, std::int64_t first) {
  if (first < 0) {
    ++now_.duplicates;
    return;
  }
  const std::int64_t end = first + one.x.size(0);
  if (!one.id.empty()) {
    const auto* const predictions = detail::elements_of<std::int64_t>(found.predicted);
    journal_.add(one.id, {predictions + first, predictions + end});
  }
  const std::int64_t width = found.measures.size(1);
  for (std::int64_t row = first; row < end; ++row) {
    const double* const measures = detail::elements_of<double>(found.measures) + row * width;
    raise(watch_->see(found.scores[static_cast<std::size_t>(row)], {measures, static_cast<std::size_t>(width)}));
  }
  ++now_.requests;
  if (const auto waiting = early_.find(one.id); waiting != early_.end()) {
    match({one.id, waiting->second});
    early_.erase(waiting);
  }
}

void degradation_monitor::look_at(const labels& arrived) {
  switch (journal_.standing_of(arrived.id)) {
    case prediction_journal::standing::waiting:
      return match(arrived);
    case prediction_journal::standing::labelled:
      ++now_.labels["duplicate"];
      return;
    case prediction_journal::standing::unknown:
      return hold_early(arrived);
  }
}

void degradation_monitor::match(const labels& arrived) {
  const std::vector<std::int64_t> predictions = journal_.take(arrived.id);
  if (predictions.size() != arrived.values.size()) {
    ++now_.labels["refused"];
    return;
  }
  ++now_.labels["matched"];
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const bool wrong = predictions[i] != arrived.values[i];
    newest_.push_back(wrong);
    if (newest_.size() > newest_labels) {
      newest_.pop_front();
    }
    raise(watch_->see_label(wrong));
  }
}

void degradation_monitor::hold_early(const labels& arrived) {
  if (!early_.emplace(arrived.id, arrived.values).second) {
    ++now_.labels["duplicate"];
    return;
  }
  ++now_.labels["early"];
  early_order_.push_back(arrived.id);
  while (early_order_.size() > most_early) {
    early_.erase(early_order_.front());
    early_order_.pop_front();
  }
}

void degradation_monitor::raise(degradation_alarms alarms) {
  const double now = unix_seconds();
  const bool without_labels = alarms.label_free || alarms.two_sample;
  if (alarms.labelled || (without_labels && options_.act_on_any)) {
    if (acting_.raise(now)) {
      report_(event_of("detected", acting_.reported()));
    }
  } else if (without_labels && suspecting_.raise(now)) {
    suspecting_.finished(now);  // nothing is set off, so nothing is waited for: only the pause counts
    report_(event_of("suspected", suspecting_.reported()));
  }
}

std::optional<double> degradation_monitor::newest_error_rate() const {
  if (newest_.empty()) {
    return {};
  }
  const auto errors = std::count(newest_.begin(), newest_.end(), true);
  return static_cast<double>(errors) / static_cast<double>(newest_.size());
}

// All replicas that watch one model give an event the same source and id, so that what it sets off is set off once.
cloud_event degradation_monitor::event_of(const std::string& what, std::int64_t number) const {
  nlohmann::json data = {{"model", options_.name},
                         {"model_digest", now_.model_digest},
                         {"cause", name_of(watch_->cause())},
                         {"error_limit", watch_->options().error_limit},
                         {"errors", watch_->errors()},
                         {"evidence",
                          {{"labelled", to_json(watch_->labelled())},
                           {"label_free", to_json(watch_->label_free())},
                           {"two_sample", to_json(watch_->two_sample())}}}};
  if (const std::optional<double> rate = newest_error_rate()) {
    data["error_rate"] = *rate;
    data["error_rate_labels"] = newest_.size();
  }
  return {.id = options_.name + "-" + now_.model_digest + "-" + what + "-" + std::to_string(number),
          .source = options_.source,
          .type = "io.redoubt.degradation." + what,
          .attributes = {{"subject", options_.name}, {"time", rfc3339(std::chrono::system_clock::now())}},
          .content_type = "application/json",
          .data = data.dump()};
}

// First what labels are not waited for any more, then the sums that they went into: a crash between the two loses
// labels, whatever they said, and counts none twice.
void degradation_monitor::keep() {
  if (options_.state.empty()) {
    return;
  }
  journal_.flush();
  write_monitor_state(options_.state / "state.json", {.model_digest = now_.model_digest,
                                                      .incarnation = now_.incarnation,
                                                      .error_limit = watch_->options().error_limit,
                                                      .run_length = watch_->options().run_length,
                                                      .watch = watch_->keep(),
                                                      .acting = acting_.keep(),
                                                      .suspecting = suspecting_.keep()});
}

void degradation_monitor::publish() {
  if (watch_) {
    now_.errors = watch_->errors();
    now_.labelled = watch_->labelled();
    now_.label_free = watch_->label_free();
    now_.two_sample = watch_->two_sample();
    now_.log_evidence = watch_->log_evidence();
  }
  now_.error_rate = newest_error_rate();
  now_.retraining_in_flight = acting_.in_flight(unix_seconds());
  now_.reported = acting_.reported();
  const std::scoped_lock lock{mutex_};
  published_ = now_;
}

}  // namespace redoubt::program
