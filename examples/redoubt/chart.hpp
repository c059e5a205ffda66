#pragma once

#include "loop_report.hpp"

#include <array>
#include <optional>
#include <string>

namespace redoubt::program {

/// The median of `report.series` before the attack, under it, after the deployment, and while the old attack is
/// replayed; windows that reach back into the phase before do not count.
[[nodiscard]] std::array<std::optional<double>, 4> usual_accuracies(const loop_report& report);

/// Accuracy over requests as an inline SVG `width` units wide: the line, the attack, the alarms, the training and the
/// deployment. The text keeps its size whatever the width, so a page shows the chart that was made for its own.
/// Colours come from the page's style sheet, by class.
[[nodiscard]] std::string accuracy_chart(const loop_report& report, int width);

/// Held-out accuracies over the epochs of the adversarial training.
[[nodiscard]] std::string training_chart(const loop_report& report, int width);

}  // namespace redoubt::program
