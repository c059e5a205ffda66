#include "closed_loop.hpp"

#include "fashion_net.hpp"
#include "healthy_limit.hpp"
#include "interrupt.hpp"
#include "monitors.hpp"
#include "progress.hpp"

#include <torch/optim/adam.h>

#include <chrono>
#include <deque>
#include <functional>
#include <iomanip>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/train/adversarial_trainer.hpp>
#include <redoubt/train/augment.hpp>
#include <redoubt/watch/gate.hpp>
#include <sstream>
#include <utility>

namespace redoubt::program {
namespace {

constexpr std::int64_t held_out_samples = 10000;
constexpr std::int64_t chunk = 32;             // requests answered in one forward pass
constexpr std::int64_t accuracy_window = 200;  // requests an accuracy of the chart covers
constexpr std::int64_t chart_stride = 25;
constexpr std::size_t pictured = 6;

/// The parts of the held-out training images, each for one purpose.
struct held_out_parts {
  samples look;       // what training looks at between epochs
  samples fit;        // what the label-free detector learns from
  samples calibrate;  // what its threshold is set by
  samples gate;       // what decides on deployment, and the healthy error rate

  held_out_parts(const samples& training, std::int64_t first) {
    const samples rest = training.part(first, held_out_samples).scaled();
    look = rest.part(0, 1000);
    fit = rest.part(1000, 3000);
    calibrate = rest.part(4000, 3000);
    gate = rest.part(7000, 3000);
  }
};

/// Wall-clock seconds of each phase, in order.
class stopwatch {
 public:
  void lap(const std::string& phase) {
    const auto now = std::chrono::steady_clock::now();
    laps_.emplace_back(phase, std::chrono::duration<double>(now - last_).count());
    last_ = now;
  }
  [[nodiscard]] const auto& laps() const { return laps_; }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::vector<std::pair<std::string, double>> laps_;
};

void stop_if_interrupted() {
  if (interrupted()) {
    stop_interrupted("nothing was written");
  }
}

picture grey(const at::Tensor& image, double scale, double offset) {
  const at::Tensor values = image.squeeze(0).mul(scale).add(offset).round().clamp(0, 255);
  return {static_cast<int>(values.size(0)), static_cast<int>(values.size(1)), detail::vector_of<std::uint8_t>(values)};
}

/// What is sent: clean test images, the attack on whatever is served, or recorded adversarial images again.
enum class traffic { clean, white_box, replayed };

class closed_loop {
 public:
  closed_loop(const loop_plan& plan, const samples& training, const samples& test)
      : plan_{plan},
        learnt_{training.part(0, plan.learnt_samples)},
        held_out_{training, plan.learnt_samples},
        test_{test.scaled()},
        stream_{plan.seed, 1},
        served_{make_fashion_net(plan.seed)} {}

  loop_result run() {
    train_standard();
    deploy_monitors();
    serve_until(plan_.clean_requests, traffic::clean, "serving, clean");
    report_.detection.attack_began_at = position_;
    monitors_->attack_begins(position_);
    serve_until_alarm();
    if (monitors_->alarmed()) {
      harden_while_serving();
      if (passes_gate()) {
        deploy_hardened();
        report_.recovered_white_box =
            serve_until(position_ + plan_.white_box_requests, traffic::white_box, "serving, attacked again");
        report_.replay_began_at = position_;
        report_.recovered_replayed =
            serve_until(position_ + plan_.replayed_requests, traffic::replayed, "serving, old attack replayed");
      }
    }
    watch_.lap("serving the hardened model");
    measure_models();
    return finish();
  }

 private:
  [[nodiscard]] auto fast_attack() const { return fgsm{linf{.radius = plan_.eps}}; }

  void train_standard() {
    torch::optim::Adam optimizer{served_.parameters(), torch::optim::AdamOptions{plan_.standard_rate}};
    adversarial_trainer trainer{
        served_,
        no_attack{},
        optimizer,
        {learnt_.images, learnt_.labels},
        {.epochs = plan_.standard_epochs, .schedule = one_cycle{plan_.standard_rate}, .seed = plan_.seed}};
    progress bar{"training the standard model", static_cast<double>(trainer.steps()), "steps"};
    while (!trainer.done()) {
      const training_progress now = trainer.step();
      bar.update(static_cast<double>(now.step));
      stop_if_interrupted();
    }
    trainer.finish();
    standard_ = served_;
    watch_.lap("training the standard model");
  }

  // The healthy limit comes from held-out clean error, and the label-free detector from attacking the model itself.
  void deploy_monitors() {
    healthy_.error_limit = healthy_limit(served_, held_out_.gate, plan_.margin);
    healthy_.run_length = plan_.run_length;
    healthy_.confidences = confidences(served_(held_out_.calibrate.images));
    label_free_ = self_attack_detector::learn(served_, attack_mixture(linf{.radius = plan_.eps}), held_out_.fit.images,
                                              held_out_.fit.labels, held_out_.calibrate.images, {.seed = plan_.seed});
    monitors_.emplace(healthy_, *label_free_);
    watch_.lap("setting up the monitors");
  }

  static std::vector<double> confidences(const at::Tensor& logits) {
    return detail::vector_of<double>(logits.detach().softmax(1).amax(1));
  }

  // Answers requests until `end`, with a progress bar; returns the accuracy of the answers.
  double serve_until(std::int64_t end, traffic kind, const std::string& label) {
    progress bar{label, static_cast<double>(end - position_), "requests"};
    const std::int64_t first = position_;
    std::int64_t right = 0;
    while (position_ < end) {
      right += serve(std::min(chunk, end - position_), kind);
      bar.update(static_cast<double>(position_ - first));
      stop_if_interrupted();
    }
    return static_cast<double>(right) / static_cast<double>(position_ - first);
  }

  void serve_until_alarm() {
    constexpr std::int64_t patience = 3000;
    const std::int64_t end = position_ + patience;
    while (!monitors_->alarmed() && position_ < end) {
      serve(chunk, traffic::white_box);
      stop_if_interrupted();
    }
    watch_.lap("serving the standard model");
  }

  // One chunk of requests: made, answered, seen by the monitors, and labels delivered as they fall due.
  std::int64_t serve(std::int64_t count, traffic kind) {
    const auto [clean, labels] = next_requests(count, kind);
    const at::Tensor sent = kind == traffic::white_box ? fast_attack()(served_, clean, labels) : clean;
    const at::Tensor logits = served_(sent).detach();
    const at::Tensor right = logits.argmax(1).eq(labels);
    if (kind == traffic::white_box && version_ == 1) {
      record(clean, sent, labels, logits);
    }
    std::vector<double> scores;
    std::vector<double> confidence;
    if (version_ == 1) {
      scores = label_free_->scores(served_, sent, logits);
      confidence = confidences(logits);
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const bool wrong = !right[i].item<bool>();
      if (version_ == 1) {
        const auto k = static_cast<std::size_t>(i);
        monitors_->see(position_, {.attack_score = scores[k], .confidence = confidence[k]});
      }
      unlabelled_.push_back({position_ + plan_.label_delay, wrong, kind != traffic::clean, version_});
      deliver_labels();
      chart(!wrong);
      ++position_;
    }
    return right.sum().item<std::int64_t>();
  }

  samples next_requests(std::int64_t count, traffic kind) {
    const samples& pool = kind == traffic::replayed ? recorded_ : test_;
    at::Tensor rows = pool.labels.new_empty({count});
    for (std::int64_t i = 0; i < count; ++i) {
      rows.mutable_data_ptr<std::int64_t>()[i] = stream_.below(static_cast<std::uint32_t>(pool.count()));
    }
    requested_ += count;
    return {pool.images.index_select(0, rows), pool.labels.index_select(0, rows)};
  }

  void deliver_labels() {
    while (!unlabelled_.empty() && unlabelled_.front().due <= position_) {
      const pending_label label = unlabelled_.front();
      unlabelled_.pop_front();
      if (label.version == 1 && version_ == 1) {
        monitors_->see_label(position_, label.wrong, label.attacked);
      }
    }
  }

  void chart(bool right) {
    recent_.push_back(right);
    if (recent_.size() > static_cast<std::size_t>(accuracy_window)) {
      recent_.pop_front();
    }
    if ((position_ + 1) % chart_stride == 0 && recent_.size() == static_cast<std::size_t>(accuracy_window)) {
      const auto hits = static_cast<double>(std::count(recent_.begin(), recent_.end(), true));
      report_.series.push_back({position_, hits / static_cast<double>(recent_.size()), version_});
    }
  }

  // Keeps what the attacker sent, for the replay and for the pictures.
  void record(const at::Tensor& clean, const at::Tensor& sent, const at::Tensor& labels, const at::Tensor& logits) {
    recorded_parts_.push_back({sent, labels});
    const at::Tensor before = served_(clean).detach().argmax(1);
    const at::Tensor after = logits.argmax(1);
    const at::Tensor turned = before.eq(labels).logical_and_(after.ne(labels));
    for (std::int64_t i = 0; i < labels.size(0) && report_.images.size() < pictured; ++i) {
      if (!turned[i].item<bool>()) {
        continue;
      }
      report_.images.push_back({.clean = grey(clean[i], 255, 0),
                                .perturbation = grey(sent[i].sub(clean[i]), 127 / plan_.eps, 128),
                                .adversarial = grey(sent[i], 255, 0),
                                .label = labels[i].item<int>(),
                                .clean_prediction = before[i].item<int>(),
                                .attacked_prediction = after[i].item<int>()});
      pictured_inputs_.push_back(sent.narrow(0, i, 1));
    }
  }

  // The training runs in the background: so many of its steps, then so many requests, on one virtual clock.
  void harden_while_serving() {
    report_.training_began_at = position_;
    hardened_ = make_fashion_net(plan_.seed + 1, plan_.width);
    torch::optim::Adam optimizer{hardened_->parameters(), torch::optim::AdamOptions{plan_.hardened_rate}};
    const double radius = plan_.eps * plan_.caution;
    const double step = 1.4 * radius / plan_.attack_steps;
    const pgd attack{linf{.radius = radius},
                     {.step = step, .steps = plan_.attack_steps, .seed = plan_.seed, .keep = iterate::last}};
    adversarial_trainer trainer{*hardened_,
                                attack,
                                optimizer,
                                {learnt_.images, learnt_.labels},
                                {.epochs = plan_.hardened_epochs,
                                 .schedule = one_cycle{plan_.hardened_rate},
                                 .averaging = plan_.averaging,
                                 .augment = augmentation(),
                                 .held_out = {held_out_.look.images, held_out_.look.labels},
                                 .seed = plan_.seed}};
    progress bar{"hardening", static_cast<double>(trainer.steps()), "steps"};
    const std::int64_t chunks = (plan_.training_requests + chunk - 1) / chunk;
    std::int64_t served_chunks = 0;
    std::string metrics;
    while (!trainer.done()) {
      const training_progress now = trainer.step();
      if (now.held_out) {
        report_.training.push_back({static_cast<double>(now.epoch), now.held_out->clean, now.held_out->pgd});
        metrics = described(now);
      }
      for (; served_chunks < chunks * now.step / now.steps; ++served_chunks) {
        serve(chunk, traffic::white_box);
      }
      bar.update(static_cast<double>(now.step), metrics);
      stop_if_interrupted();
    }
    trainer.finish();
    report_.training_ended_at = position_;
    watch_.lap("hardening while serving");
  }

  [[nodiscard]] std::function<at::Tensor(const at::Tensor&, const at::Tensor&)> augmentation() const {
    if (plan_.shift == 0) {
      return {};
    }
    return shift_and_mirror{.pixels = plan_.shift, .mirror = false, .seed = plan_.seed};
  }

  static std::string described(const training_progress& now) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(3) << "epoch " << now.epoch << '/' << now.epochs << " · held-out "
         << now.held_out->clean << " clean, " << now.held_out->pgd << " PGD-10";
    if (now.finding != overfitting::none) {
      text << " · " << name_of(now.finding);
    }
    return text.str();
  }

  bool passes_gate() {
    const pgd attack{linf{.radius = plan_.eps},
                     {.step = plan_.eps / 4, .steps = 20, .seed = plan_.seed, .drop_fooled = true}};
    const samples& data = held_out_.gate;
    const robustness candidate = robust_accuracy(attack, *hardened_, data.images, data.labels);
    const robustness baseline = robust_accuracy(attack, standard_, data.images, data.labels);
    const gate_decision decision = decide(candidate, baseline);
    const auto side = [](const robustness& r) {
      return gate_figures::side{{r.clean_accuracy, r.clean_interval.lower, r.clean_interval.upper},
                                {r.robust_accuracy, r.robust_interval.lower, r.robust_interval.upper}};
    };
    report_.gate = gate_figures{decision.promote, decision.reasons, side(baseline), side(candidate)};
    watch_.lap("gate");
    return decision.promote;
  }

  // The swap: requests before it were answered by the old model, the next one is answered by the new.
  void deploy_hardened() {
    std::vector<at::Tensor> images;
    std::vector<at::Tensor> labels;
    for (const samples& part : recorded_parts_) {
      images.push_back(part.images);
      labels.push_back(part.labels);
    }
    recorded_ = {at::cat(images), at::cat(labels)};
    served_ = *hardened_;
    version_ = 2;
    report_.deployed_at = position_;
  }

  void measure_models() {
    progress bar{"measuring on the test set", 4, ""};
    const auto figures = [&](script_model& model) {
      const pgd strong{linf{.radius = plan_.eps},
                       {.step = plan_.eps / 10, .steps = 40, .seed = plan_.seed, .drop_fooled = true}};
      const robustness weak = robust_accuracy(fast_attack(), model, test_.images, test_.labels);
      const evaluation_options options{.progress = [&](std::int64_t) { stop_if_interrupted(); }};
      const robustness hard = robust_accuracy(strong, model, test_.images, test_.labels, options);
      return model_figures{weak.clean_accuracy, weak.robust_accuracy, hard.robust_accuracy, std::nullopt};
    };
    report_.standard = figures(standard_);
    bar.update(1);
    if (hardened_) {
      report_.hardened = figures(*hardened_);
    }
    bar.update(3);
    replay_clean_requests();
    watch_.lap("measuring on the test set");
  }

  // A million clean requests, drawn from the test set's cached scores: are false alarms as rare as stated?
  void replay_clean_requests() {
    const at::Tensor wrong = served_by_standard(test_.images).argmax(1).ne(test_.labels);
    const std::vector<double> errors = detail::vector_of<double>(wrong);
    const std::vector<double> scores = label_free_->scores(standard_, test_.images);
    const replayed_alarms alarms = replay_clean(healthy_, *label_free_, errors, scores, 1000000, plan_.seed);
    report_.detection = monitors_->figures();
    report_.replayed = {alarms.requests, alarms.acting, alarms.label_free, plan_.run_length,
                        label_free_->options().run_length};
  }

  at::Tensor served_by_standard(const at::Tensor& images) {
    const at::NoGradGuard no_gradient;
    return standard_(images);
  }

  loop_result finish() {
    report_.eps = plan_.eps;
    report_.requests = position_;
    report_.dropped_requests = requested_ - position_;
    report_.label_delay = plan_.label_delay;
    report_.window = accuracy_window;
    report_.seed = static_cast<std::int64_t>(plan_.seed);
    report_.seconds = watch_.laps();
    for (std::size_t i = 0; hardened_ && i < report_.images.size(); ++i) {
      report_.images[i].hardened_prediction = (*hardened_)(pictured_inputs_[i]).argmax(1).item<int>();
    }
    return {std::move(report_), standard_, report_.deployed_at ? hardened_ : std::nullopt};
  }

  struct pending_label {
    std::int64_t due;
    bool wrong;
    bool attacked;
    int version;
  };

  const interrupt_watch signals_;
  loop_plan plan_;
  samples learnt_;
  held_out_parts held_out_;
  samples test_;
  philox_sequence stream_;
  script_model served_;
  script_model standard_ = served_;
  std::optional<script_model> hardened_;
  int version_ = 1;
  healthy_state healthy_;
  std::optional<self_attack_detector> label_free_;
  std::optional<monitors> monitors_;
  std::deque<pending_label> unlabelled_;
  std::deque<bool> recent_;
  std::int64_t position_ = 0;
  std::int64_t requested_ = 0;
  std::vector<samples> recorded_parts_;
  samples recorded_;
  std::vector<at::Tensor> pictured_inputs_;
  stopwatch watch_;
  loop_report report_;
};

}  // namespace

loop_plan loop_plan::full() {
  loop_plan plan;
  plan.width = 2;
  plan.hardened_epochs = 40;
  plan.hardened_rate = 5e-3;
  plan.averaging = 0.9995;
  plan.caution = 1.1;
  plan.shift = 1;
  return plan;
}

loop_result run_closed_loop(const loop_plan& plan, const samples& training, const samples& test) {
  const std::int64_t needed = plan.learnt_samples + held_out_samples;
  require(training.count() >= needed, "loop: needs ", needed, " training images, as Fashion-MNIST has; got ",
          training.count());
  return closed_loop{plan, training, test}.run();
}

}  // namespace redoubt::program
