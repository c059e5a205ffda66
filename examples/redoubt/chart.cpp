#include "chart.hpp"

#include "html.hpp"
#include "plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redoubt::program {
namespace {

using namespace plot;

constexpr double lane_height = 18;

// ---- accuracy over requests

enum phase : std::size_t { before, attacked, recovered, replayed, phases };
constexpr std::array<std::string_view, phases> phase_class{"before", "attack", "recovery", "recovery"};
constexpr std::array<std::string_view, phases> phase_name{"clean traffic", "under attack", "hardened",
                                                          "old attack again"};

phase phase_of(std::int64_t request, const loop_report& report) {
  if (report.replay_began_at && request >= *report.replay_began_at) {
    return replayed;
  }
  if (report.deployed_at && request >= *report.deployed_at) {
    return recovered;
  }
  return report.detection.attack_began_at && request >= *report.detection.attack_began_at ? attacked : before;
}

/// The request at which each phase begins.
std::array<std::optional<std::int64_t>, phases> beginnings(const loop_report& report) {
  return {0, report.detection.attack_began_at, report.deployed_at, report.replay_began_at};
}

/// What happened at a request, told above the plot.
struct event {
  double x = 0;  ///< on the picture
  std::string words;
  std::string css;
  double start = 0;  ///< of the words
  int lane = 0;      ///< 0 is next to the plot
};

/// How many requests after the attack began an alarm came, "+18"; for a false one, its request.
std::string since_attack(std::int64_t request, const loop_report& report) {
  const auto began = report.detection.attack_began_at;
  return began && request >= *began ? "+" + grouped(request - *began) : grouped(request);
}

/// In a few letters where the chart is narrow: the request numbers stand in the page's text as well.
std::vector<event> told_events(const loop_report& report, bool narrow) {
  const detection_figures& seen = report.detection;
  std::vector<event> events;
  const auto add = [&](std::optional<std::int64_t> request, const std::string& words, const char* css) {
    if (request) {
      events.push_back({.x = static_cast<double>(*request), .words = words, .css = css});
    }
  };
  const auto add_turn = [&](std::optional<std::int64_t> request, const char* words, const char* few, const char* css) {
    add(request, narrow ? few : text(words, ", ", grouped(request)), css);
  };
  const auto add_alarm = [&](std::optional<std::int64_t> request, const char* words) {
    add(request, request ? text(words, ", ", since_attack(*request, report)) : "", "alarm");
  };
  add_turn(seen.attack_began_at, "attack begins", "attack", "attack");
  add_alarm(seen.flagged_without_labels_at, narrow ? "no labels" : "seen without labels");
  add_alarm(seen.flagged_at, "alarm");
  add_turn(report.deployed_at, "deployed", "deployed", "recovery");
  add_turn(report.replay_began_at, "old attack replayed", "replay", "recovery");
  std::stable_sort(events.begin(), events.end(), [](const event& a, const event& b) { return a.x < b.x; });
  return events;
}

double end_of(const event& one) {
  return one.start + letter * columns(one.words);
}

/// Whether the line of `one` rises through the words of `other`.
bool crosses(const event& one, const event& other) {
  return one.lane > other.lane && other.start < one.x && one.x < end_of(other);
}

bool overlap(const event& one, const event& other) {
  return one.lane == other.lane && one.start < end_of(other) + 6 && other.start < end_of(one) + 6;
}

/// Gives `one` the lowest lane where nothing is in its way; where there is none, at least no words cover others.
void find_lane(event& one, const std::vector<event*>& placed) {
  constexpr int most_lanes = 6;
  const auto free_of = [&](auto... in_the_way) {
    return std::none_of(placed.begin(), placed.end(),
                        [&](const event* other) { return (in_the_way(one, *other) || ...); });
  };
  const auto crossed = [](const event& a, const event& b) { return crosses(b, a); };
  for (one.lane = 0; one.lane < most_lanes; ++one.lane) {
    if (free_of(overlap, crosses, crossed)) {
      return;
    }
  }
  for (one.lane = 0; !free_of(overlap);) {
    ++one.lane;
  }
}

/// Places every event's words right of its line, or left of it where the plot ends too soon. The former from the last
/// to the first: an earlier line, rising past lower lanes, then passes left of their words; the latter the other way
/// round. Returns the number of lanes.
int place(std::vector<event>& events, const frame& area) {
  std::vector<event*> order;
  for (event& one : events) {
    const double length = letter * columns(one.words);
    one.x = area.x(one.x);
    const bool fits = one.x + 5 + length <= area.right + 18;  // the margin may be written on
    one.start = fits ? one.x + 5 : std::max(0.0, one.x - 5 - length);
    order.insert(fits ? order.begin() : order.end(), &one);
  }
  std::vector<event*> placed;
  int lanes = 0;
  for (event* one : order) {
    find_lane(*one, placed);
    placed.push_back(one);
    lanes = std::max(lanes, one->lane + 1);
  }
  return lanes;
}

std::string draw_events(const std::vector<event>& events, const frame& area) {
  std::string lines;
  std::string words;
  for (const event& one : events) {
    const double baseline = area.top - 10 - lane_height * one.lane;
    const bool beside = one.start > one.x || end_of(one) < one.x;
    lines += line(one.x, beside ? baseline - 10 : baseline + 4, one.x, area.bottom, "event " + one.css);
    const bool left = end_of(one) < one.x;
    words += label(left ? one.x - 5 : one.start, baseline, (left ? "told end " : "told ") + one.css, one.words);
  }
  return lines + words;
}

/// A tick on the plot's upper edge for every alarm of every detector.
std::string draw_alarms(const loop_report& report, const frame& area) {
  std::string ticks;
  for (const detector_figures& detector : report.detection.detectors) {
    if (detector.position) {
      const double x = area.x(static_cast<double>(*detector.position));
      ticks += text("<path class=\"fired\" d=\"M", at(x - 4), " ", at(area.top - 6), "h8l-4 7z\"><title>",
                    escaped(detector.name), ", request ", grouped(*detector.position), "</title></path>");
    }
  }
  return ticks;
}

/// One piece of line a phase, each from the last point of the one before.
std::string draw_series(const loop_report& report, const frame& area) {
  std::array<std::vector<vertex>, phases> pieces;
  std::optional<vertex> last;
  for (const series_point& point : report.series) {
    if (point.request + 1 < report.window) {
      continue;  // fewer requests than the window: noise
    }
    std::vector<vertex>& piece = pieces[phase_of(point.request, report)];
    if (piece.empty() && last) {
      piece.push_back(*last);
    }
    last = vertex{area.x(static_cast<double>(point.request)), area.y(point.accuracy)};
    piece.push_back(*last);
  }
  std::string drawn;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    drawn += pieces[i].empty() ? "" : polyline(pieces[i], phase_class[i]);
  }
  return drawn;
}

std::string draw_phases(const loop_report& report, const frame& area) {
  const std::array<std::optional<double>, phases> usual = usual_accuracies(report);
  const std::array<std::optional<std::int64_t>, phases> begin = beginnings(report);
  double to = area.right;
  std::string drawn;
  for (std::size_t i = usual.size(); i-- > 0;) {
    if (!begin[i]) {
      continue;
    }
    const double from = area.x(static_cast<double>(*begin[i]));
    const double y = area.y(usual[i].value_or(0)) + (usual[i].value_or(0) > 0.5 ? 44 : -40);
    if (usual[i] && to - from > 40) {
      drawn += label((from + to) / 2, y, text("phase ", phase_class[i]), decimal(*usual[i] * 100, 0) + "%");
    }
    if (usual[i] && to - from > letter * columns(phase_name[i])) {
      drawn += label((from + to) / 2, y + 16, text("tick middle ", phase_class[i]), phase_name[i]);
    }
    to = from;
  }
  return drawn;
}

std::string draw_training(const loop_report& report, const frame& area) {
  if (!report.training_began_at) {
    return {};
  }
  const double from = area.x(static_cast<double>(*report.training_began_at));
  const auto ended = report.training_ended_at ? report.training_ended_at : report.deployed_at;
  const double to = ended ? area.x(static_cast<double>(*ended)) : area.right;
  return text("<rect class=\"band\" x=\"", at(from), "\" y=\"", at(area.top), "\" width=\"",
              at(std::max(to - from, 1.0)), "\" height=\"", at(area.bottom - area.top), "\"/>");
}

// ---- training curve

std::string draw_curve(const loop_report& report, const frame& area, std::optional<double> epoch_point::*accuracy,
                       std::string_view css) {
  std::vector<vertex> points;
  std::string dots;
  for (const epoch_point& point : report.training) {
    if (point.*accuracy) {
      points.emplace_back(area.x(point.epoch), area.y(*(point.*accuracy)));
      dots += dot(points.back(), 2.5, css);
    }
  }
  const bool few = points.size() <= 40;
  return points.empty() ? "" : polyline(points, css) + (few ? dots : "");
}

struct curve_end {
  std::optional<double> clean;
  std::optional<double> robust;
};

curve_end last_values(const loop_report& report) {
  curve_end end;
  for (const epoch_point& point : report.training) {
    end.clean = point.clean ? point.clean : end.clean;
    end.robust = point.robust ? point.robust : end.robust;
  }
  return end;
}

double lowest_value(const loop_report& report) {
  double lowest = 1;
  for (const epoch_point& point : report.training) {
    lowest = std::min({lowest, point.clean.value_or(1), point.robust.value_or(1)});
  }
  return lowest;
}

}  // namespace

std::array<std::optional<double>, 4> usual_accuracies(const loop_report& report) {
  const std::array<std::optional<std::int64_t>, phases> begin = beginnings(report);
  std::array<std::vector<double>, phases> values;
  for (const series_point& point : report.series) {
    const phase now = phase_of(point.request, report);
    if (point.request + 1 >= begin[now].value_or(0) + report.window) {
      values[now].push_back(point.accuracy);
    }
  }
  std::array<std::optional<double>, phases> usual;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i].empty()) {
      const auto middle = values[i].begin() + static_cast<std::ptrdiff_t>(values[i].size() / 2);
      std::nth_element(values[i].begin(), middle, values[i].end());
      usual[i] = *middle;
    }
  }
  return usual;
}

std::string accuracy_chart(const loop_report& report, int width) {
  frame area{.left = 46, .right = width - 20.0, .top = 0, .bottom = 0, .first = 0, .last = 1};
  area.last = std::max(1.0, static_cast<double>(report.requests));
  std::vector<event> events = told_events(report, width < 500);
  area.top = 14 + lane_height * place(events, area);
  area.bottom = area.top + (width < 500 ? 200 : 280);
  const std::string description = text(
      "Accuracy over ", grouped(report.requests), " requests: attack at ", grouped(report.detection.attack_began_at),
      ", alarm at ", grouped(report.detection.flagged_at), ", hardened model at ", grouped(report.deployed_at));
  return opening(width, area.bottom + 40, description) + draw_training(report, area) + axes(area, "requests") +
         draw_events(events, area) + draw_alarms(report, area) + draw_series(report, area) + draw_phases(report, area) +
         "</svg>";
}

std::string training_chart(const loop_report& report, int width) {
  const double floor = lowest_value(report) >= 0.52 ? std::floor((lowest_value(report) - 0.02) * 10) / 10 : 0;
  const double height = width < 500 ? 190 : 230;
  frame area{
      .left = 46, .right = width - 92.0, .top = 10, .bottom = height - 42, .first = 0, .last = 1, .floor = floor};
  if (!report.training.empty()) {
    area.first = std::min(1.0, report.training.front().epoch);
    area.last = std::max(report.training.back().epoch, area.first + 1);
  }
  const curve_end end = last_values(report);
  double clean_y = area.y(end.clean.value_or(1));
  double robust_y = area.y(end.robust.value_or(0));
  if (const double gap = robust_y - clean_y; std::abs(gap) < 16) {
    const double shift = (16 - std::abs(gap)) / 2 * (gap < 0 ? -1 : 1);
    clean_y -= shift;
    robust_y += shift;
  }
  std::string drawn = opening(width, height, "Held-out accuracy over the epochs of adversarial training") +
                      axes(area, "epochs") + draw_curve(report, area, &epoch_point::clean, "before") +
                      draw_curve(report, area, &epoch_point::robust, "recovery");
  drawn += end.clean ? label(area.right + 8, clean_y + 4, "told before", "clean " + percent(end.clean)) : "";
  drawn += end.robust ? label(area.right + 8, robust_y + 4, "told recovery", "robust " + percent(end.robust)) : "";
  return drawn + "</svg>";
}

}  // namespace redoubt::program
