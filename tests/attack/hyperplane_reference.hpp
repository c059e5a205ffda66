#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <redoubt/attack/detail/hyperplane_row.hpp>
#include <vector>

namespace redoubt::testing {

/// One problem of moving onto a hyperplane within a box, in double precision.
struct hyperplane_problem {
  std::vector<double> point, normal;
  double rise = 0;
  double lower = 0;
  double upper = 1;

  [[nodiscard]] double side() const { return rise < 0 ? -1 : 1; }

  /// How far element i may go towards the hyperplane.
  [[nodiscard]] double room(std::size_t i) const {
    const double pull = side() * normal[i];
    return pull > 0 ? upper - point[i] : pull < 0 ? point[i] - lower : 0;
  }

  /// How much of the rise a move brings.
  [[nodiscard]] double raised(const std::vector<double>& move) const {
    return std::inner_product(move.begin(), move.end(), normal.begin(), 0.0);
  }
};

inline double length_of(detail::metric norm, const std::vector<double>& move) {
  double sum = 0;
  double most = 0;
  for (const double each : move) {
    sum += norm == detail::metric::l2 ? each * each : std::abs(each);
    most = std::max(most, std::abs(each));
  }
  return norm == detail::metric::linf ? most : norm == detail::metric::l2 ? std::sqrt(sum) : sum;
}

/// The least move onto the hyperplane, the slow way: bisection in double precision over linf and l2, one element after
/// the other, the heaviest first, over l1. All of the room where that does not suffice.
inline std::vector<double> least_move(detail::metric norm, const hyperplane_problem& problem) {
  const std::size_t size = problem.point.size();
  std::vector<double> move(size);
  const double wanted = std::abs(problem.rise);
  if (norm == detail::metric::l1) {
    std::vector<std::size_t> order(size);
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(problem.normal[a]) > std::abs(problem.normal[b]);
    });
    double missing = wanted;
    for (const std::size_t i : order) {
      const double pull = std::abs(problem.normal[i]);
      if (pull > 0 && missing > 0) {
        const double far = std::min(problem.room(i), missing / pull);
        missing -= far * pull;
        move[i] = std::copysign(far, problem.side() * problem.normal[i]);
      }
    }
    return move;
  }
  const auto moved_by = [&](double t) {
    for (std::size_t i = 0; i < size; ++i) {
      const double pull = problem.side() * problem.normal[i];
      const double far = norm == detail::metric::l2 ? t * std::abs(pull) : t;
      move[i] = pull == 0 ? 0 : std::copysign(std::min(far, problem.room(i)), pull);
    }
    return std::abs(problem.raised(move));
  };
  double low = 0;
  double high = 1e-12;
  while (high < 1e30 && moved_by(high) < wanted) {
    high *= 2;
  }
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (moved_by(middle) < wanted ? low : high) = middle;
  }
  moved_by(high);
  return move;
}

}  // namespace redoubt::testing
