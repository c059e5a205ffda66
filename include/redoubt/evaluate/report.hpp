#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <redoubt/evaluate/health_report.hpp>
#include <redoubt/evaluate/interval.hpp>
#include <string>
#include <vector>

namespace redoubt {

/// How the samples of one class fared.
struct class_tally {
  std::int64_t n = 0;       ///< samples with this label
  std::int64_t clean = 0;   ///< of these, right as they are
  std::int64_t robust = 0;  ///< of these, right before and after the attack
};

/// What one attack of an evaluation did: a line of the attack-by-attack table.
struct attack_tally {
  std::string name;            ///< as reports show it
  std::int64_t attacked = 0;   ///< samples that it was given: right as they are, and fooled by no attack before it
  std::int64_t fooled = 0;     ///< of these, those that it fooled
  double robust_accuracy = 0;  ///< share of all samples that is still right after it
  double seconds = 0;          ///< wall clock
};

/// A robust accuracy with what it takes to believe it.
struct robustness {
  std::int64_t n = 0;                      ///< samples, those that the model gets wrong included
  double clean_accuracy = 0;               ///< of all n, in [0, 1]
  interval clean_interval = {};            ///< Clopper-Pearson
  double robust_accuracy = 0;              ///< share of all n that is right both on x and on the adversarial example
  interval robust_interval = {};           ///< Clopper-Pearson
  at::Tensor clean_correct = {};           ///< bool [n]
  at::Tensor robust_correct = {};          ///< bool [n]
  std::int64_t zero_gradient_samples = 0;  ///< attacked samples that met a gradient of exactly zero
  std::int64_t n_nan = 0;  ///< samples with a NaN among their logits, clean or attacked; counted as wrong
  std::vector<std::string> warnings = {};     ///< signs that the number may flatter the model, in words
  double seconds = 0;                         ///< wall clock
  std::vector<class_tally> per_class = {};    ///< one for each of the model's classes
  std::vector<attack_tally> per_attack = {};  ///< in order; one for an attack that is not made of several; the last
                                              ///< one's robust accuracy is the report's
  at::Tensor fooled_by = {};    ///< int64 [n]: which of `per_attack` fooled the sample; -1: none, or wrong as it is
  at::Tensor adversarial = {};  ///< [n, ...] like x: where asked for; x itself where a sample was not attacked
  health_report health = {};    ///< what the probe found, where there was one
};

}  // namespace redoubt
