#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/attack/result.hpp>
#include <redoubt/evaluate/predict.hpp>
#include <string>
#include <vector>

namespace redoubt::detail {

/// What an evaluation knows of each sample so far: all that its report is made of.
struct outcomes {
  at::Tensor labels;            // int64 [n]
  at::Tensor clean_correct;     // bool [n]
  at::Tensor attacked;          // bool [n]
  at::Tensor robust_correct;    // bool [n]
  at::Tensor nan;               // bool [n]
  at::Tensor zero_gradient;     // bool [n]
  at::Tensor fooled_by;         // int64 [n]: a position in `names`, or -1
  at::Tensor adversarial = {};  // [n, ...]; undefined where not kept
  std::int64_t classes = 0;
  std::vector<std::string> names = {};  // of the attacks, in order
  std::vector<double> seconds = {};     // of each attack

  /// Nothing known of no samples, on the device of `y`.
  [[nodiscard]] static outcomes none(const at::Tensor& y) {
    const at::Tensor labels = y.new_empty({0});
    const at::Tensor no = labels.new_empty({0}, at::kBool);
    return {labels, no, no, no, no, no, labels};
  }

  [[nodiscard]] std::int64_t size() const { return labels.size(0); }

  /// Adds samples as the model saw them; `kept` [N, ...], where defined, is what they are in `adversarial`.
  void add(const at::Tensor& y, const verdict& clean, const at::Tensor& kept) {
    const at::Tensor no = clean.correct.new_zeros(y.sizes());
    const auto append = [](at::Tensor& all, const at::Tensor& more) {
      all = all.defined() ? at::cat({all, more}) : more.clone();
    };
    append(labels, y);
    append(clean_correct, clean.correct);
    append(nan, clean.nan);
    for (at::Tensor* flags : {&attacked, &robust_correct, &zero_gradient}) {
      append(*flags, no);
    }
    append(fooled_by, y.new_full(y.sizes(), -1));
    if (kept.defined()) {
      append(adversarial, kept);
    }
    classes = std::max(classes, clean.classes);
  }

  /// Writes down what an attack did to the samples `index`, and how they were classified after it.
  ///
  /// An attack that is not made of several counts as its one stage `name`, of `elapsed` seconds.
  void record(const at::Tensor& index, const attack_result& found, const verdict& after, const std::string& name,
              double elapsed) {
    const at::Tensor fooled = after.correct.logical_not();
    std::vector<attack_stage> stages = found.stages;
    if (stages.empty()) {
      stages.push_back({name, fooled, elapsed});
    }
    const std::vector<std::int64_t> places = places_of(stages);
    // Backwards, so that the first to fool a sample has the last word; what none claims counts for the last.
    at::Tensor by = fooled_by.new_full(fooled.sizes(), places.back());
    for (std::size_t i = stages.size(); i-- > 0;) {
      by.masked_fill_(stages[i].fooled.to(by.device()), places[i]);
      seconds[static_cast<std::size_t>(places[i])] += stages[i].seconds;
    }
    attacked.index_fill_(0, index, 1);
    robust_correct.index_copy_(0, index, after.correct);
    nan.index_copy_(0, index, after.nan);
    fooled_by.index_copy_(0, index, by.masked_fill_(after.correct, -1));
    if (found.zero_gradient.defined()) {
      zero_gradient.index_copy_(0, index, found.zero_gradient.to(index.device()));
    }
    if (adversarial.defined()) {
      adversarial.index_copy_(0, index, found.adversarial.to(adversarial.options()));
    }
  }

 private:
  // Where each stage stands among the names, in order, so that two of one name stay two; new names go to the end.
  std::vector<std::int64_t> places_of(const std::vector<attack_stage>& stages) {
    std::vector<std::int64_t> places;
    auto from = names.begin();
    for (const attack_stage& stage : stages) {
      auto place = std::find(from, names.end(), stage.name);
      if (place == names.end()) {
        place = names.insert(place, stage.name);
        seconds.push_back(0);
      }
      places.push_back(place - names.begin());
      from = place + 1;
    }
    return places;
  }
};

}  // namespace redoubt::detail
