#include "plot.hpp"

#include "html.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace redoubt::program::plot {
namespace {

/// The vertices that share a column of pixels become the first, lowest, highest and last: looks as all of them would.
std::vector<vertex> thinned(const std::vector<vertex>& all) {
  std::vector<vertex> kept;
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin;
    while (end < all.size() && std::floor(all[end].first) == std::floor(all[begin].first)) {
      ++end;
    }
    const auto [low, high] = std::minmax_element(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                                 all.begin() + static_cast<std::ptrdiff_t>(end),
                                                 [](const vertex& a, const vertex& b) { return a.second < b.second; });
    std::array<std::size_t, 4> chosen{begin, static_cast<std::size_t>(low - all.begin()),
                                      static_cast<std::size_t>(high - all.begin()), end - 1};
    std::sort(chosen.begin(), chosen.end());
    std::for_each(chosen.begin(), std::unique(chosen.begin(), chosen.end()),
                  [&](std::size_t i) { kept.push_back(all[i]); });
    begin = end;
  }
  return kept;
}

std::string path_of(const std::vector<vertex>& points) {
  std::string path;
  for (const auto& [x, y] : points) {
    path += text(path.empty() ? "M" : "L", at(x), " ", at(y));
  }
  return path;
}

std::string accuracy_axis(const frame& area) {
  std::string drawn;
  const double step = area.floor < 0.5 ? 0.25 : 0.1;
  const long steps = std::lround((1 - area.floor) / step);
  for (long i = 0; i <= steps; ++i) {
    const double share = area.floor + static_cast<double>(i) * step;
    drawn += line(area.left, area.y(share), area.right, area.y(share), i == 0 ? "axis" : "grid");
    drawn += label(area.left - 8, area.y(share) + 4, "tick end", decimal(share * 100, 0) + "%");
  }
  return drawn;
}

std::string tick(const frame& area, double value, const std::string& words) {
  const double x = area.x(value);
  return line(x, area.bottom, x, area.bottom + 4, "axis") + label(x, area.bottom + 18, "tick middle", words);
}

double ticks_that_fit(const frame& area) {
  return (area.right - area.left) / 72;
}

}  // namespace

double frame::x(double value) const {
  return left + (right - left) * (value - first) / std::max(last - first, 1e-9);
}

double frame::y(double accuracy) const {
  return bottom - (bottom - top) * (std::clamp(accuracy, floor, 1.0) - floor) / (1 - floor);
}

std::string at(double coordinate) {
  return decimal(coordinate, 1);
}

double columns(std::string_view words) {
  return static_cast<double>(std::count_if(words.begin(), words.end(),
                                           [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string opening(int width, double height, std::string_view description) {
  return text("<svg role=\"img\" viewBox=\"0 0 ", width, " ", decimal(height, 0), "\" aria-label=\"",
              escaped(description), "\">");
}

std::string line(double x1, double y1, double x2, double y2, std::string_view css) {
  return text("<line class=\"", css, "\" x1=\"", at(x1), "\" y1=\"", at(y1), "\" x2=\"", at(x2), "\" y2=\"", at(y2),
              "\"/>");
}

std::string label(double x, double y, std::string_view css, std::string_view words) {
  return text("<text class=\"", css, "\" x=\"", at(x), "\" y=\"", at(y), "\">", escaped(words), "</text>");
}

std::string dot(const vertex& place, double radius, std::string_view css) {
  return text("<circle class=\"dot ", css, "\" r=\"", radius, "\" cx=\"", at(place.first), "\" cy=\"", at(place.second),
              "\"/>");
}

std::string polyline(const std::vector<vertex>& points, std::string_view css) {
  return text("<path class=\"line ", css, "\" d=\"", path_of(thinned(points)), "\"/>");
}

std::string ribbon(const std::vector<vertex>& upper, const std::vector<vertex>& lower, std::string_view css) {
  std::vector<vertex> around = upper;
  around.insert(around.end(), lower.rbegin(), lower.rend());
  return text("<path class=\"", css, "\" d=\"", path_of(around), "z\"/>");
}

double nice_step(double span, double most) {
  const double least = std::max(span / most, 1e-9);
  const double magnitude = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * magnitude >= least) {
      return factor * magnitude;
    }
  }
  return 10 * magnitude;
}

std::string axes(const frame& area, std::string_view x_title) {
  std::string drawn = accuracy_axis(area);
  const auto step = std::llround(std::max(1.0, nice_step(area.last - area.first, ticks_that_fit(area))));
  const auto first = static_cast<std::int64_t>(std::ceil(area.first / static_cast<double>(step)));
  for (std::int64_t value = first * step; static_cast<double>(value) <= area.last; value += step) {
    drawn += tick(area, static_cast<double>(value), grouped(value));
  }
  return drawn + label(area.right, area.bottom + 34, "tick end", x_title);
}

std::string axes_of_lengths(const frame& area, std::string_view x_title) {
  std::string drawn = accuracy_axis(area);
  const double step = nice_step(area.last - area.first, ticks_that_fit(area));
  const int digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  const auto last = static_cast<std::int64_t>(std::floor(area.last / step + 1e-9));
  for (auto i = static_cast<std::int64_t>(std::ceil(area.first / step - 1e-9)); i <= last; ++i) {
    drawn += tick(area, static_cast<double>(i) * step, decimal(static_cast<double>(i) * step, digits));
  }
  return drawn + label(area.right, area.bottom + 34, "tick end", x_title);
}

}  // namespace redoubt::program::plot
