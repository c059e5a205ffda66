#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The parts that the reports' charts are drawn of, as SVG. Colours come from the page's style sheet, by class.
namespace redoubt::program::plot {

inline constexpr double letter = 6.6;  ///< the width of a letter of 12 px text, rather too wide than too narrow

/// Where the data lie on the picture: x from `first` to `last`, accuracies from `floor` to 1.
struct frame {
  double left = 0;
  double right = 0;
  double top = 0;
  double bottom = 0;
  double first = 0;
  double last = 1;
  double floor = 0;

  [[nodiscard]] double x(double value) const;
  [[nodiscard]] double y(double accuracy) const;
};

/// A place on the picture, x then y.
using vertex = std::pair<double, double>;

/// A coordinate as the picture spells it.
[[nodiscard]] std::string at(double coordinate);

/// Columns of a text, one per code point.
[[nodiscard]] double columns(std::string_view words);

[[nodiscard]] std::string opening(int width, double height, std::string_view description);
[[nodiscard]] std::string line(double x1, double y1, double x2, double y2, std::string_view css);
[[nodiscard]] std::string label(double x, double y, std::string_view css, std::string_view words);
[[nodiscard]] std::string dot(const vertex& place, double radius, std::string_view css);
/// A line through all of them. Of those that share a column of pixels it keeps what changes the look.
[[nodiscard]] std::string polyline(const std::vector<vertex>& points, std::string_view css);
/// The area between two lines over the same x.
[[nodiscard]] std::string ribbon(const std::vector<vertex>& upper, const std::vector<vertex>& lower,
                                 std::string_view css);

/// 1, 2 or 5 times a power of ten, so that at most `most` steps cover `span`.
[[nodiscard]] double nice_step(double span, double most);

/// Both axes, with a grid of accuracies; x counts something, `x_title`.
[[nodiscard]] std::string axes(const frame& area, std::string_view x_title);
/// The same where x is a length.
[[nodiscard]] std::string axes_of_lengths(const frame& area, std::string_view x_title);

}  // namespace redoubt::program::plot
