#include "gallery.hpp"

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>

namespace redoubt::program {
namespace {

/// Pixels of [C, H, W] as bytes; of large images every so many-th. What is not of three channels is shown in grey.
picture shown_as(const at::Tensor& image, double scale, double offset) {
  constexpr std::int64_t longest = 160;
  at::Tensor values = image.to(at::kDouble);
  if (values.size(0) != 3) {
    values = values.mean(0, true);
  }
  const std::int64_t stride =
      std::max<std::int64_t>(1, (std::max(image.size(1), image.size(2)) + longest - 1) / longest);
  values = values.slice(1, 0, c10::nullopt, stride).slice(2, 0, c10::nullopt, stride);
  values = values.mul(scale).add(offset).round().clamp(0, 255).permute({1, 2, 0});
  return {.height = static_cast<int>(values.size(0)),
          .width = static_cast<int>(values.size(1)),
          .values = detail::vector_of<std::uint8_t>(values),
          .channels = static_cast<int>(values.size(2))};
}

double length_of(const at::Tensor& change, const std::string& norm) {
  const at::Tensor flat = change.to(at::kDouble).flatten();
  if (norm == "linf") {
    return flat.abs().max().item<double>();
  }
  if (norm == "l0") {
    return flat.ne(0).sum().item<double>();
  }
  require(norm == "l1" || norm == "l2", "gallery: does not know how long a change is in ", norm);
  return flat.norm(norm == "l1" ? 1 : 2).item<double>();
}

/// The attack that fooled the sample: the stage that says so, or the attack itself where it has none.
std::string culprit(const attack_result& found, std::int64_t sample, const std::string& name) {
  for (const attack_stage& stage : found.stages) {
    if (stage.fooled[sample].item<bool>()) {
      return stage.name;
    }
  }
  return found.stages.empty() ? name : found.stages.back().name;
}

}  // namespace

std::map<std::int64_t, gallery::piece>::const_iterator gallery::faintest() const {
  return std::max_element(fooled_.begin(), fooled_.end(),
                          [](const auto& a, const auto& b) { return a.second.lead < b.second.lead; });
}

bool gallery::wanted(const piece& one) const {
  if (one.lead > 0) {
    return withstood_.size() < most_withstood_ || (most_withstood_ > 0 && one.lead < withstood_.back().lead);
  }
  const auto same = fooled_.find(one.label);
  if (same != fooled_.end()) {
    return one.lead < same->second.lead;
  }
  return fooled_.size() < most_fooled_ || (most_fooled_ > 0 && one.lead < faintest()->second.lead);
}

void gallery::keep(piece one) {
  if (one.lead <= 0) {
    const std::int64_t label = one.label;
    fooled_.insert_or_assign(label, std::move(one));
    if (fooled_.size() > most_fooled_) {
      fooled_.erase(faintest());
    }
    return;
  }
  const auto after = std::upper_bound(withstood_.begin(), withstood_.end(), one.lead,
                                      [](double lead, const piece& other) { return lead < other.lead; });
  withstood_.insert(after, std::move(one));
  if (withstood_.size() > most_withstood_) {
    withstood_.pop_back();
  }
}

void gallery::look(const classifier_view& model, const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows,
                   const attack_result& found, const std::string& name) {
  const at::NoGradGuard no_gradient;
  if (x.dim() != 4 || x.size(0) == 0) {
    return;
  }
  const at::Tensor logits = model(found.adversarial).to(at::kDouble);
  const at::Tensor at_label = y.unsqueeze(1);
  const at::Tensor others = logits.scatter(1, at_label, -std::numeric_limits<double>::infinity());
  const at::Tensor leads = logits.gather(1, at_label).squeeze(1).sub(others.amax(1));
  const auto lead = detail::vector_of<double>(leads);
  const auto label = detail::vector_of<std::int64_t>(y);
  const auto number = detail::vector_of<std::int64_t>(rows);
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    const auto k = static_cast<std::size_t>(i);
    piece one{.lead = lead[k], .row = number[k], .label = label[k], .clean = {}, .adversarial = {}, .attack = {}};
    if (!std::isfinite(one.lead) || !wanted(one)) {
      continue;
    }
    one.clean = x[i].detach().cpu().clone();
    one.adversarial = found.adversarial[i].detach().cpu().clone();
    one.attack = one.lead > 0 ? std::string{} : culprit(found, i, name);
    keep(std::move(one));
  }
}

void gallery::hang(const classifier_view& model, const box& bounds, evaluation_report& report) const {
  const at::NoGradGuard no_gradient;
  std::vector<piece> all = withstood_;
  for (const auto& [label, one] : fooled_) {
    all.push_back(one);
  }
  if (all.empty()) {
    return;
  }
  std::sort(all.begin(), all.end(), [](const piece& a, const piece& b) { return a.row < b.row; });
  const double low = bounds.lower.number();
  const double scale = 255 / (bounds.upper.number() - low);
  for (const piece& one : all) {
    const at::Tensor both = at::stack({one.clean, one.adversarial});
    const at::Tensor chances = model(both).to(at::kDouble).softmax(1).cpu();
    const at::Tensor change = one.adversarial.sub(one.clean);
    const double reach = report.norm == "linf" ? report.eps : change.abs().max().item<double>();
    const auto prediction = chances[1].argmax().item<std::int64_t>();
    attacked_image told{.row = one.row,
                        .clean = shown_as(one.clean, scale, -low * scale),
                        .perturbation = shown_as(change, reach > 0 ? 127 / reach : 0, 128),
                        .adversarial = shown_as(one.adversarial, scale, -low * scale),
                        .label = one.label,
                        .prediction = prediction,
                        .clean_confidence = chances[0][one.label].item<double>(),
                        .confidence = chances[1][prediction].item<double>(),
                        .label_confidence = chances[1][one.label].item<double>(),
                        .length = length_of(change, report.norm),
                        .attack = one.attack};
    (one.lead > 0 ? report.withstood : report.fooled).push_back(std::move(told));
  }
}

}  // namespace redoubt::program
