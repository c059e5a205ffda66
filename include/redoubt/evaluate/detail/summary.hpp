#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/evaluate/detail/outcomes.hpp>
#include <redoubt/evaluate/report.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace redoubt::detail {

[[nodiscard]] inline std::int64_t count_of(const at::Tensor& flags) {
  return flags.sum().item<std::int64_t>();
}

[[nodiscard]] inline std::vector<class_tally> class_tallies(const outcomes& all) {
  const auto counts = [&](const at::Tensor& labels) { return labels.bincount({}, all.classes).to(at::kCPU); };
  const at::Tensor n = counts(all.labels);
  const at::Tensor clean = counts(all.labels.masked_select(all.clean_correct));
  const at::Tensor robust = counts(all.labels.masked_select(all.robust_correct));
  std::vector<class_tally> tallies;
  for (std::int64_t c = 0; c < all.classes; ++c) {
    const auto of = [c](const at::Tensor& count) { return detail::elements_of<std::int64_t>(count)[c]; };
    tallies.push_back({.n = of(n), .clean = of(clean), .robust = of(robust)});
  }
  return tallies;
}

[[nodiscard]] inline std::vector<attack_tally> attack_tallies(const outcomes& all) {
  std::int64_t left = count_of(all.attacked);
  std::vector<attack_tally> tallies;
  for (std::size_t i = 0; i < all.names.size(); ++i) {
    attack_tally tally{.name = all.names[i], .attacked = left, .seconds = all.seconds[i]};
    tally.fooled = count_of(all.fooled_by.eq(static_cast<std::int64_t>(i)));
    left -= tally.fooled;
    tally.robust_accuracy = static_cast<double>(left) / static_cast<double>(all.size());
    tallies.push_back(tally);
  }
  return tallies;
}

template <class... Pieces>
[[nodiscard]] std::string in_words(const Pieces&... pieces) {
  std::ostringstream text;
  (text << ... << pieces);
  return text.str();
}

/// Where queries without gradients fooled samples that attacks with gradients could not: more than 1 % of those
/// attacked, and at least 3. An attack of one step only does not count as having tried.
inline void warn_of_black_box(const std::vector<attack_tally>& attacks, std::vector<std::string>& warnings) {
  constexpr std::int64_t few = 3;
  constexpr std::array queries{"square", "spsa"};
  constexpr std::array weak{"none", "fgsm", "r-fgsm"};
  const auto is_one_of = [](const auto& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::string climbed;
  for (const attack_tally& each : attacks) {
    if (!is_one_of(queries, each.name)) {
      climbed = is_one_of(weak, each.name) ? climbed : each.name;
    } else if (!climbed.empty() && each.fooled >= few && 100 * each.fooled > each.attacked) {
      warnings.push_back(in_words(each.name, ", which needs no gradient, fooled ", each.fooled, " of the ",
                                  each.attacked, " samples that the attacks with gradients up to ", climbed,
                                  " could not: the gradients are masked, and the robust accuracy is too high; let "
                                  "attacks without gradients run longer"));
    }
  }
}

/// What the counts of an evaluation warn of, in words.
[[nodiscard]] inline std::vector<std::string> masked_gradient_warnings(const robustness& report,
                                                                       std::int64_t attacked) {
  std::vector<std::string> warnings;
  if (report.zero_gradient_samples > 0) {
    warnings.push_back(in_words(
        report.zero_gradient_samples, " of ", attacked,
        " attacked samples met a gradient of exactly zero: the loss saturates, so the attack could not move them and "
        "the robust accuracy is too high; use the margin or dlr loss"));
  }
  if (report.n_nan > 0) {
    warnings.push_back(in_words(report.n_nan, " of ", report.n,
                                " samples gave a NaN among the logits and count as wrong; the model overflows"));
  }
  warn_of_black_box(report.per_attack, warnings);
  return warnings;
}

/// The report on all samples, each of which has been attacked or is wrong as it is. There is at least one.
[[nodiscard]] inline robustness summary_of(const outcomes& all, double confidence) {
  const std::int64_t clean = count_of(all.clean_correct);
  const std::int64_t robust = count_of(all.robust_correct);
  const auto n = static_cast<double>(all.size());
  robustness report{.n = all.size(),
                    .clean_accuracy = static_cast<double>(clean) / n,
                    .clean_interval = clopper_pearson(clean, all.size(), confidence),
                    .robust_accuracy = static_cast<double>(robust) / n,
                    .robust_interval = clopper_pearson(robust, all.size(), confidence),
                    .clean_correct = all.clean_correct,
                    .robust_correct = all.robust_correct,
                    .zero_gradient_samples = count_of(all.zero_gradient),
                    .n_nan = count_of(all.nan),
                    .per_class = class_tallies(all),
                    .per_attack = attack_tallies(all),
                    .fooled_by = all.fooled_by,
                    .adversarial = all.adversarial};
  report.warnings = masked_gradient_warnings(report, clean);
  return report;
}

}  // namespace redoubt::detail
