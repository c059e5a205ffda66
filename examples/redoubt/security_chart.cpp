#include "evaluation_report.hpp"
#include "html.hpp"
#include "plot.hpp"

#include <algorithm>
#include <vector>

namespace redoubt::program {
namespace {

using namespace plot;

/// A line at the asked size, with what the full attack reached there. The words are where the curve is not: it comes
/// from above on the left; only where there is no room are they above the dot on the right.
std::string draw_asked(const evaluation_report& report, const frame& area, bool narrow) {
  if (report.eps <= 0 || report.eps > area.last) {
    return {};
  }
  const double x = area.x(report.eps);
  const double y = area.y(report.robust.value);
  const std::string words = (narrow ? "" : report.attack + " ") + percent(report.robust.value);
  const bool left = x - 9 - letter * columns(words) > area.left + 4;
  return line(x, area.top, x, area.bottom, "event attack") + dot({x, y}, 4.5, "attack") +
         label(left ? x - 9 : x + 9, left ? std::min(y + 17, area.bottom - 6) : std::max(y - 12, area.top + 12),
               left ? "told end attack" : "told attack", words);
}

}  // namespace

std::string security_chart(const evaluation_report& report, int width) {
  if (!report.curve || report.curve->points.empty()) {
    return {};
  }
  const std::vector<curve_point>& points = report.curve->points;
  const double height = width < 500 ? 240 : 300;
  frame area{.left = 46, .right = width - 20.0, .top = 12, .bottom = height - 42};
  area.first = 0;
  area.last = points.back().eps > 0 ? points.back().eps : 1;
  std::vector<vertex> curve;
  std::vector<vertex> upper;
  std::vector<vertex> lower;
  std::string dots;
  for (const curve_point& point : points) {
    const double x = area.x(point.eps);
    curve.emplace_back(x, area.y(point.accuracy.value));
    upper.emplace_back(x, area.y(point.accuracy.high));
    lower.emplace_back(x, area.y(point.accuracy.low));
    dots += dot(curve.back(), 2.5, "before");
  }
  const std::string description = text("Accuracy falls from ", percent(points.front().accuracy.value), " to ",
                                       percent(points.back().accuracy.value), " as the perturbation grows from ",
                                       told_size(points.front().eps), " to ", told_size(points.back().eps));
  return opening(width, height, description) + axes_of_lengths(area, text("largest perturbation, ", report.norm)) +
         ribbon(upper, lower, "doubt") + polyline(curve, "before") + dots + draw_asked(report, area, width < 500) +
         "</svg>";
}

}  // namespace redoubt::program
