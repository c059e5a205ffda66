#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <redoubt/loss/cross_entropy.hpp>
#include <redoubt/loss/loss_function.hpp>
#include <redoubt/train/overfitting.hpp>
#include <redoubt/train/schedule.hpp>
#include <redoubt/train/training_share.hpp>
#include <string>

namespace redoubt {

/// Samples to learn from or to look at: x [N, ...] floating point in the attack's box, or uint8 (divided by 255 batch
/// by batch, which keeps a data set four times smaller); y int64 [N].
struct labelled_data {
  at::Tensor x;  ///< [N, ...]
  at::Tensor y;  ///< int64 [N]

  /// The samples `rows` (int64 [M]), as floating point.
  [[nodiscard]] labelled_data at(const at::Tensor& rows) const {
    const at::Tensor chosen = x.index_select(0, rows);
    return {chosen.scalar_type() == at::kByte ? chosen.to(at::kFloat).div_(255) : chosen, y.index_select(0, rows)};
  }
};

/// What a trainer tells after each step.
struct training_progress {
  std::int64_t step = 0;     ///< steps done
  std::int64_t steps = 0;    ///< steps in all
  int epoch = 0;             ///< epochs done
  int epochs = 0;            ///< epochs in all
  double loss = 0;           ///< mean adversarial loss of the epoch so far
  double accuracy = 0;       ///< accuracy on the adversarial examples trained on, of the epoch so far
  double learning_rate = 0;  ///< that of the step
  std::optional<held_out_accuracy> held_out = {};  ///< at the end of an epoch, where there is held-out data
  overfitting finding = overfitting::none;         ///< what that look shows
};

/// Tuning of `adversarial_trainer`. Every field has a default; set the ones you need by name.
struct training_options {
  int epochs = 10;                       ///< passes over the data; >= 1
  std::int64_t batch = 128;              ///< samples a step; >= 1
  redoubt::schedule schedule = {};       ///< learning rate over progress; empty: the optimizer's own rate throughout
  double averaging = 0;                  ///< decay of the weight average, in [0, 1); 0: none
  loss_function loss = cross_entropy{};  ///< minimised on the adversarial examples, its mean over the batch
  std::function<at::Tensor(const at::Tensor&, const at::Tensor&)> augment =
      {};                          ///< (x, rows int64 [N], new ones each epoch) -> x, e.g. shift_and_mirror
  labelled_data held_out = {};     ///< looked at after each epoch, to notice overfitting and keep the best weights
  overfitting_options watch = {};  ///< when overfitting is said
  std::string checkpoint = {};     ///< file written after each epoch; empty: none
  std::uint64_t seed = 0;          ///< of the order of samples; the attack has its own
  std::function<void(const training_progress&)> progress = {};  ///< told after each step
  std::string identity = {};  ///< what else a checkpoint must agree on to be resumed: attack, optimizer, in words
  training_share share = {};  ///< what of each batch this process learns from, where many train together
};

}  // namespace redoubt
