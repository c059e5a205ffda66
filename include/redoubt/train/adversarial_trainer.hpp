#pragma once

#include <ATen/core/Tensor.h>
#include <torch/optim/optimizer.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <redoubt/core/error.hpp>
#include <redoubt/core/permutation.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/train/checkpoint.hpp>
#include <redoubt/train/detail/fingerprint.hpp>
#include <redoubt/train/detail/held_out_look.hpp>
#include <redoubt/train/detail/join.hpp>
#include <redoubt/train/overfitting.hpp>
#include <redoubt/train/training_options.hpp>
#include <redoubt/train/training_share.hpp>
#include <redoubt/train/weight_average.hpp>
#include <string>
#include <utility>
#include <vector>

namespace redoubt {

/// Adversarial training (Madry et al. 2018, arXiv:1706.06083, eq. 2.1): each step attacks a batch and learns from it.
///
/// `Model` is an `nn_model` or a `script_model` (any `a_module`), `Attack` any attack of the form attack(model, x, y,
/// rows), `no_attack` for standard training. The optimizer is the caller's, over `model.parameters()`.
/// `step()` does one batch, `run()` all that is left. Submodules train in the modes that they are in: call
/// `model.train()` before, and one that its owner froze stays frozen. `finish()`, which `run()` ends with, puts the
/// final weights in place (the average where there is one; those of the best look where overfitting was noticed) and
/// sets eval mode. The attack sees the model in eval mode: a batch does not move its own target's BatchNorm statistics.
/// The same seed, thread count and machine give bitwise the same weights, also across `save` and `resume`; dropout
/// draws from the global generator, which the caller seeds and a checkpoint keeps (the CPU's).
///
/// With `options.share` many processes train together: the batches, the order of samples and the attacks' random draws
/// are those of one process, each attacks and learns from its share of every batch, the gradient is that of the whole
/// batch's mean, and what is told of the training is told of the whole, alike on every rank. All must start from the
/// same weights. Each takes its own share's BatchNorm statistics in a forward; the running ones are joined after it.
///
/// Throws std::invalid_argument for options out of range and std::runtime_error for checkpoints that cannot be used.
/// For one thread. Cost of a step: the attack and one forward and backward; of a share, two sums over the ranks more.
/// Memory: a copy of the weights each for the average and for the best look, where there are such.
template <class Model, class Attack>
class adversarial_trainer {
  static_assert(a_module<Model>,
                "adversarial_trainer: the model must offer parameters, buffers and modes; wrap a "
                "torch::nn module in redoubt::nn_model, a TorchScript one in redoubt::script_model");

 public:
  /// `optimizer` must live as long as the trainer. Throws std::invalid_argument for options or data out of range.
  adversarial_trainer(Model model, Attack attack, torch::optim::Optimizer& optimizer, labelled_data data,
                      training_options options = {})
      : model_{std::move(model)},
        attack_{std::move(attack)},
        optimizer_{optimizer},
        data_{std::move(data)},
        options_{std::move(options)},
        watch_{options_.watch} {
    require_options();
    if (options_.averaging > 0) {
      average_.emplace(weights(), options_.averaging);
    }
  }

  /// Batches in the whole training.
  [[nodiscard]] std::int64_t steps() const { return steps_an_epoch() * options_.epochs; }
  /// Whether all of them have been learnt from.
  [[nodiscard]] bool done() const { return step_ >= steps(); }

  /// Trains on one batch, and looks at the held-out data where that ends an epoch.
  ///
  /// Throws std::invalid_argument where all steps are done and after `finish`, std::runtime_error where a checkpoint
  /// cannot be written, and what attack, augmentation, model and loss throw.
  training_progress step() {
    require(!done(), "adversarial_trainer: all ", steps(), " steps are done");
    require(!finished_, "adversarial_trainer: a finished training has no further steps");
    const std::int64_t epoch = step_ / steps_an_epoch();
    const std::int64_t place = step_ % steps_an_epoch();
    if (place == 0 || order_.empty()) {
      order_ = permutation(data_.x.size(0), options_.seed, static_cast<std::uint64_t>(epoch));
    }
    if (place == 0) {
      seen_ = correct_ = 0;
      loss_ = 0;
    }
    const double rate = set_learning_rate();
    learn(epoch, place);
    ++step_;
    training_progress now{.step = step_,
                          .steps = steps(),
                          .epoch = static_cast<int>(step_ / steps_an_epoch()),
                          .epochs = options_.epochs,
                          .loss = loss_ / static_cast<double>(seen_),
                          .accuracy = static_cast<double>(correct_) / static_cast<double>(seen_),
                          .learning_rate = rate};
    if (step_ % steps_an_epoch() == 0) {
      end_epoch(now);
    }
    if (options_.progress) {
      options_.progress(now);
    }
    return now;
  }

  /// All steps that are left, then `finish`.
  void run() {
    while (!done()) {
      step();
    }
    finish();
  }

  /// Puts the final weights into the model and sets eval mode. Nothing may be trained after it; a second call changes
  /// no weight.
  void finish() {
    if (!finished_ && average_) {
      average_->swap();
    }
    if (!finished_ && worst_ != overfitting::none && !best_.empty()) {
      put(best_, weights());
    }
    finished_ = true;
    model_.train(false);
  }

  /// The gravest that any look has found.
  [[nodiscard]] overfitting finding() const { return worst_; }

  /// The model that is trained, as it is now.
  [[nodiscard]] Model& model() { return model_; }

  /// Writes a checkpoint to `path`, whole or not at all. Of many ranks only the first writes: their states are one.
  ///
  /// Throws std::invalid_argument after `finish`, std::runtime_error where the file cannot be written.
  void save(const std::string& path) const {
    require(!finished_, "adversarial_trainer: a finished training has no checkpoint; save the model");
    if (options_.share.rank != 0) {
      return;
    }
    write_checkpoint(path,
                     {.fingerprint = fingerprint(),
                      .counts = {step_, seen_, correct_, average_ ? average_->updates() : 0, static_cast<int>(worst_)},
                      .numbers = pack(),
                      .weights = copies(weights()),
                      .averages = average_ ? average_->averages() : std::vector<at::Tensor>{},
                      .best = best_},
                     optimizer_);
  }

  /// Goes on from a checkpoint of the same training (data, options and seed): the weights will be those of a run that
  /// never stopped. Every rank must go on from the same one; there may be more ranks than wrote it, or fewer, whose
  /// sums then round otherwise. Dropout's generator is rank 0's on all ranks from then on.
  ///
  /// Throws std::runtime_error for a file that is missing, damaged, of another training, or of another optimizer; but
  /// for the last the training is as it was.
  void resume(const std::string& path) {
    const training_state state = read_checkpoint(path, fingerprint(), optimizer_);
    put(state.weights, weights());
    if (average_) {
      average_->restore(state.averages, state.counts.at(3));
    }
    best_ = state.best;
    step_ = state.counts.at(0);
    seen_ = state.counts.at(1);
    correct_ = state.counts.at(2);
    worst_ = static_cast<overfitting>(state.counts.at(4));
    unpack(state.numbers);
    order_.clear();
  }

  /// What each look at the held-out data has shown, one an epoch.
  [[nodiscard]] const std::vector<held_out_accuracy>& history() const { return history_; }

 private:
  void require_options() const {
    const std::int64_t samples = data_.x.defined() ? data_.x.size(0) : 0;
    require(samples > 0, "adversarial_trainer: needs data");
    require(data_.y.defined() && data_.y.size(0) == samples, "adversarial_trainer: ", samples, " inputs but ",
            data_.y.defined() ? data_.y.numel() : 0, " labels");
    require(options_.epochs >= 1, "adversarial_trainer: epochs must be at least 1, got ", options_.epochs);
    require(options_.batch >= 1, "adversarial_trainer: batch must be at least 1, got ", options_.batch);
    require(!optimizer_.param_groups().empty(), "adversarial_trainer: the optimizer has no parameters");
    const training_share& share = options_.share;
    require(share.world >= 1 && share.rank >= 0 && share.rank < share.world, "adversarial_trainer: rank ", share.rank,
            " of ", share.world, ": must be from 0 to one less than the number of ranks");
    require(share.world == 1 || (share.sum_gradients && share.sum), "adversarial_trainer: a share of ", share.world,
            " ranks must offer sum_gradients and sum");
  }

  [[nodiscard]] std::int64_t steps_an_epoch() const { return (data_.x.size(0) + options_.batch - 1) / options_.batch; }

  [[nodiscard]] std::vector<at::Tensor> weights() const {
    std::vector<at::Tensor> all = model_.parameters();
    const std::vector<at::Tensor> buffers = model_.buffers();
    all.insert(all.end(), buffers.begin(), buffers.end());
    return all;
  }

  [[nodiscard]] static std::vector<at::Tensor> copies(const std::vector<at::Tensor>& tensors) {
    std::vector<at::Tensor> result;
    result.reserve(tensors.size());
    for (const at::Tensor& tensor : tensors) {
      result.push_back(tensor.detach().clone());
    }
    return result;
  }

  static void put(const std::vector<at::Tensor>& from, const std::vector<at::Tensor>& to) {
    require(from.size() == to.size(), "adversarial_trainer: ", from.size(), " tensors for ", to.size(), " weights");
    const at::NoGradGuard no_gradient;
    for (std::size_t i = 0; i < from.size(); ++i) {
      to[i].copy_(from[i]);
    }
  }

  double set_learning_rate() {
    if (!options_.schedule) {
      return optimizer_.param_groups().front().options().get_lr();
    }
    // At the middle of the step, so that a schedule that begins and ends at zero wastes no step.
    const double rate = options_.schedule((static_cast<double>(step_) + 0.5) / static_cast<double>(steps()));
    for (auto& group : optimizer_.param_groups()) {
      group.options().set_lr(rate);
    }
    return rate;
  }

  void learn(std::int64_t epoch, std::int64_t place) {
    const std::int64_t first = place * options_.batch;
    const std::int64_t count = std::min(options_.batch, data_.x.size(0) - first);
    const bool shared = options_.share.world > 1;
    const training_share::part own = options_.share.of(count);
    const double weight = static_cast<double>(own.count) / static_cast<double>(count);
    const std::vector<at::Tensor> before = shared ? copies(model_.buffers()) : std::vector<at::Tensor>{};
    optimizer_.zero_grad();
    tally found = own.count > 0 ? backward(epoch, first + own.first, own.count, weight) : tally{};
    if (shared) {
      options_.share.sum_gradients(model_.parameters());
      const std::vector<double> sums = detail::join(options_.share, weight, before, model_.buffers(),
                                                    {found.loss, static_cast<double>(found.correct)});
      found = {sums[0], std::llround(sums[1])};
    }
    optimizer_.step();
    if (average_) {
      average_->update();
    }
    loss_ += found.loss;
    correct_ += found.correct;
    seen_ += count;
  }

  struct tally {
    double loss = 0;           // its sum over samples
    std::int64_t correct = 0;  // how many of them are right
  };

  // Adds the gradients of `weight` times the mean loss of the samples at these places of the epoch's order.
  tally backward(std::int64_t epoch, std::int64_t first, std::int64_t count, double weight) {
    const std::int64_t samples = data_.x.size(0);
    const at::Tensor rows = data_.y.new_empty({count}, at::TensorOptions(at::kLong).device(at::kCPU));
    std::copy_n(order_.begin() + first, count, rows.template mutable_data_ptr<std::int64_t>());
    labelled_data batch = data_.at(rows.to(data_.x.device()));
    // A row number of its own for each visit: new starts and new shifts every epoch.
    const at::Tensor visits = rows.add(epoch * samples).to(data_.x.device());
    if (options_.augment) {
      batch.x = options_.augment(batch.x, visits);
    }
    const at::Tensor attacked = [&] {
      const eval_scope scope{model_};
      return attack_(model_, batch.x, batch.y, visits);
    }();
    const at::AutoGradMode with_gradient{true};
    const at::Tensor logits = logits_of([&](const at::Tensor& x) { return model_(x); }, attacked);
    const at::Tensor loss = options_.loss(logits, batch.y).mean();
    (weight == 1 ? loss : loss.mul(weight)).backward();
    return {loss.template item<double>() * static_cast<double>(count),
            logits.detach().argmax(1).eq(batch.y).sum().template item<std::int64_t>()};
  }

  void end_epoch(training_progress& now) {
    if (options_.held_out.x.defined()) {
      look(now);
    }
    if (!options_.checkpoint.empty() && !done()) {
      save(options_.checkpoint);
    }
  }

  // Looks at the weights that would be deployed: the average where there is one.
  void look(training_progress& now) {
    if (average_) {
      average_->swap();
    }
    held_out_accuracy seen = measure();
    seen.training_loss = now.loss;
    now.finding = watch_.look(seen);
    worst_ = std::max(worst_, now.finding);
    if (watch_.is_best()) {
      best_ = copies(weights());
    }
    if (average_) {
      average_->swap();
    }
    history_.push_back(seen);
    now.held_out = seen;
  }

  // Each rank looks at its share of the held-out samples, and all get what all have seen.
  [[nodiscard]] held_out_accuracy measure() {
    const std::int64_t count = options_.held_out.x.size(0);
    const training_share::part own = options_.share.of(count);
    held_out_accuracy seen = own.count > 0 ? measure(own) : held_out_accuracy{};
    if (options_.share.world > 1) {
      const auto right = [&](double share) { return std::round(share * static_cast<double>(own.count)); };
      const std::vector<double> sums =
          detail::join(options_.share, 0, {}, {}, {right(seen.clean), right(seen.fgsm), right(seen.pgd)});
      const auto all = static_cast<double>(count);
      seen = {.clean = sums[0] / all, .fgsm = sums[1] / all, .pgd = sums[2] / all};
    }
    return seen;
  }

  [[nodiscard]] held_out_accuracy measure(const training_share::part& own) {
    const at::Tensor rows =
        row_numbers(options_.held_out.y.size(0), options_.held_out.y).narrow(0, own.first, own.count);
    const bool whole = own.count == options_.held_out.x.size(0);
    const labelled_data data =
        whole && options_.held_out.x.scalar_type() != at::kByte ? options_.held_out : options_.held_out.at(rows);
    return detail::held_out_look(attack_, model_, data.x, data.y, rows);
  }

  [[nodiscard]] std::string fingerprint() const {
    return detail::training_fingerprint(data_, model_.parameters(), options_);
  }

  [[nodiscard]] std::vector<double> pack() const {
    std::vector<double> numbers{loss_};
    for (const held_out_accuracy& seen : history_) {
      numbers.insert(numbers.end(), {seen.clean, seen.fgsm, seen.pgd, seen.training_loss});
    }
    return numbers;
  }

  // The watch has no state beyond what it has seen, so it is shown the history again.
  void unpack(const std::vector<double>& numbers) {
    loss_ = numbers.at(0);
    history_.clear();
    watch_ = overfitting_watch{options_.watch};
    for (std::size_t i = 1; i + 3 < numbers.size(); i += 4) {
      history_.push_back({numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3]});
      watch_.look(history_.back());
    }
  }

  Model model_;
  Attack attack_;
  torch::optim::Optimizer& optimizer_;
  labelled_data data_;
  training_options options_;
  overfitting_watch watch_;
  std::optional<weight_average> average_;
  std::vector<held_out_accuracy> history_;
  std::vector<at::Tensor> best_;
  std::vector<std::int64_t> order_;
  overfitting worst_ = overfitting::none;
  std::int64_t step_ = 0;
  std::int64_t seen_ = 0;
  std::int64_t correct_ = 0;
  double loss_ = 0;
  bool finished_ = false;
};

template <class Model, class Attack>
adversarial_trainer(Model, Attack, torch::optim::Optimizer&, labelled_data) -> adversarial_trainer<Model, Attack>;
template <class Model, class Attack>
adversarial_trainer(Model, Attack, torch::optim::Optimizer&, labelled_data, training_options)
    -> adversarial_trainer<Model, Attack>;

}  // namespace redoubt
