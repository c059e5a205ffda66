#include <redoubt/attack/detail/hyperplane.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <redoubt/core/detail/elements.hpp>
#include <vector>

#include "../../models.hpp"
#include "../hyperplane_reference.hpp"

using redoubt::box;
using redoubt::detail::metric;
using redoubt::detail::onto_hyperplane;
using redoubt::detail::onto_hyperplane_batch;
using redoubt::detail::vector_of;
using redoubt::testing::hyperplane_problem;
using redoubt::testing::largest;
using redoubt::testing::least_move;
using redoubt::testing::length_of;
using redoubt::testing::normal;
using redoubt::testing::random_seed;
using redoubt::testing::uniform;

namespace {

constexpr metric metrics[] = {metric::linf, metric::l2, metric::l1};
constexpr double infinity = std::numeric_limits<double>::infinity();

/// A matrix of `count` rows.
at::Tensor rows_of(std::int64_t count, std::initializer_list<float> numbers) {
  return at::tensor(at::ArrayRef<float>{numbers}).view({count, -1});
}

/// A batch of problems, no two alike: zeros among the normals, points on the box's faces, planes that the box reaches
/// and planes that it does not, on either side.
struct batch {
  at::Tensor point, normal, rise;

  static batch make(std::int64_t samples, std::int64_t size, std::uint64_t seed, at::ScalarType type) {
    batch made{uniform({samples, size}, seed, -0.3, 1.3).clamp(0, 1).to(type),
               redoubt::testing::normal({samples, size}, seed + 1).to(type),
               uniform({samples, 1}, seed + 2, -0.7, 0.7).flatten().to(at::kDouble)};
    made.normal.masked_fill_(uniform({samples, size}, seed + 3).lt(0.2), 0);
    made.rise.mul_(made.normal.abs().sum(1).to(at::kDouble));
    return made;
  }

  [[nodiscard]] hyperplane_problem at(std::int64_t i) const {
    return {vector_of<double>(point[i]), vector_of<double>(normal[i]), rise[i].item<double>()};
  }
};

/// Calls `check(problem, its move by the code under test, tolerance)` for many problems of every size and type.
template <class Check>
void with_each_problem(metric norm, const Check& check) {
  for (const std::int64_t size : {1, 2, 3, 4, 5, 7, 8, 13, 64, 201}) {
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      const batch problems = batch::make(25, size, random_seed() + static_cast<std::uint64_t>(size), type);
      const at::Tensor moves = onto_hyperplane(norm, problems.point, problems.normal, problems.rise, {});
      CHECK((moves.scalar_type() == type));
      for (std::int64_t i = 0; i < 25; ++i) {
        check(problems.at(i), vector_of<double>(moves[i]), type == at::kFloat ? 1e-5 : 1e-12);
      }
    }
  }
}

}  // namespace

TEST_CASE("a move onto a hyperplane is as short as the brute force's, in every metric, reached or not") {
  CAPTURE(random_seed());
  for (const metric norm : metrics) {
    int reached = 0;
    int all = 0;
    with_each_problem(norm, [&](const hyperplane_problem& problem, const std::vector<double>& move, double tolerance) {
      const std::vector<double> expected = least_move(norm, problem);
      CHECK(length_of(norm, move) == doctest::Approx(length_of(norm, expected)).epsilon(tolerance));
      CHECK(std::abs(problem.raised(move) - problem.raised(expected)) <= tolerance * (1 + std::abs(problem.rise)));
      reached += std::abs(problem.raised(move) - problem.rise) <= tolerance * (1 + std::abs(problem.rise)) ? 1 : 0;
      ++all;
    });
    // The problems are of both kinds.
    CHECK(reached > all / 2);
    CHECK(reached < all);
  }
}

TEST_CASE("a move onto a hyperplane meets the conditions of optimality") {
  CAPTURE(random_seed());
  for (const metric norm : metrics) {
    with_each_problem(norm, [&](const hyperplane_problem& problem, const std::vector<double>& move, double tolerance) {
      // How far an element would go: the same for all over linf, as its weight over l2, all or nothing over l1.
      double rate = 0;
      double heaviest_left = 0;
      double lightest_moved = infinity;
      for (std::size_t i = 0; i < move.size(); ++i) {
        const double weight = std::abs(problem.normal[i]);
        const double far = std::abs(move[i]);
        const double room = problem.room(i);
        CHECK(far <= room + tolerance);
        CHECK(move[i] * problem.side() * problem.normal[i] >= 0);
        if (weight > 0 && far < room - tolerance) {
          rate = std::max(rate, norm == metric::l2 ? far / weight : far);
          heaviest_left = std::max(heaviest_left, weight);
        }
        if (far > tolerance) {
          lightest_moved = std::min(lightest_moved, weight);
        }
      }
      if (norm == metric::l1) {
        CHECK(lightest_moved >= heaviest_left);
        return;
      }
      for (std::size_t i = 0; i < move.size(); ++i) {
        const double weight = norm == metric::l2 ? std::abs(problem.normal[i]) : 1;
        if (problem.normal[i] != 0 && heaviest_left > 0) {
          CHECK(std::abs(move[i]) ==
                doctest::Approx(std::min(rate * weight, problem.room(i))).epsilon(tolerance).scale(1));
        }
      }
    });
  }
}

TEST_CASE("no metric's move onto a hyperplane is shorter, in that metric, than its own") {
  const batch problems = batch::make(200, 50, random_seed(), at::kDouble);
  for (const metric own : metrics) {
    for (const metric other : metrics) {
      const at::Tensor least = onto_hyperplane(own, problems.point, problems.normal, problems.rise, {});
      const at::Tensor move = onto_hyperplane(other, problems.point, problems.normal, problems.rise, {});
      for (std::int64_t i = 0; i < 200; ++i) {
        CHECK(length_of(own, vector_of<double>(least[i])) <= length_of(own, vector_of<double>(move[i])) * (1 + 1e-12));
      }
    }
  }
}

TEST_CASE("operations on whole tensors move onto hyperplanes as the rows' code does") {
  CAPTURE(random_seed());
  for (const metric norm : metrics) {
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      const auto [point, w, rise] = batch::make(100, 70, random_seed(), type);
      const at::Tensor by_row = onto_hyperplane(norm, point, w, rise, {});
      const at::Tensor whole = onto_hyperplane_batch(norm, point, w, rise, {});
      CHECK((whole.scalar_type() == type));
      CHECK(largest(by_row.sub(whole)) < (type == at::kFloat ? 1e-4 : 1e-11));
    }
  }
}

TEST_CASE("a hyperplane out of the box's reach: the nearest corner, elements without weight stay") {
  const at::Tensor point = rows_of(1, {0.25F, 0.5F, 0.75F, 0.1F});
  const at::Tensor w = rows_of(1, {1.0F, -2.0F, 0.0F, 1e-3F});
  for (const metric norm : metrics) {
    for (const double rise : {100.0, infinity}) {
      for (const auto& move : {onto_hyperplane(norm, point, w, at::tensor({rise}, at::kDouble), {}),
                               onto_hyperplane_batch(norm, point, w, at::tensor({rise}, at::kDouble), {})}) {
        CHECK(largest(move.sub(rows_of(1, {0.75F, -0.5F, 0.0F, 0.9F}))) < 1e-6);
      }
      for (const auto& move : {onto_hyperplane(norm, point, w, at::tensor({-rise}, at::kDouble), {}),
                               onto_hyperplane_batch(norm, point, w, at::tensor({-rise}, at::kDouble), {})}) {
        CHECK(largest(move.sub(rows_of(1, {-0.25F, 0.5F, 0.0F, -0.1F}))) < 1e-6);
      }
    }
  }
}

TEST_CASE("a normal of zero, a rise of zero and one that is NaN move nothing; what is not finite has no weight") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const at::Tensor point = at::full({4, 3}, 0.5);
  const at::Tensor w = rows_of(4, {0.0F, 0.0F, 0.0F, 1.0F, 2.0F, 3.0F, 1.0F, 2.0F, 3.0F, nan, 1.0F, -inf});
  const at::Tensor rise = at::tensor({1.0, 0.0, static_cast<double>(nan), 0.25}, at::kDouble);
  for (const metric norm : metrics) {
    const at::Tensor expected = at::zeros({4, 3});
    expected[3][1] = 0.25;
    CHECK(largest(onto_hyperplane(norm, point, w, rise, {}).sub(expected)) < 1e-6);
    CHECK(largest(onto_hyperplane_batch(norm, point, w, rise, {}).sub(expected)) < 1e-6);
  }
}

TEST_CASE("neither tiny nor huge weights change a move: their scale cancels") {
  const auto [point, w, rise] = batch::make(30, 40, random_seed(), at::kFloat);
  for (const metric norm : metrics) {
    const at::Tensor expected = onto_hyperplane(norm, point, w, rise, {});
    for (const double scale : {0x1p-100, 0x1p+100}) {
      const at::Tensor scaled = onto_hyperplane(norm, point, w.mul(scale), rise.mul(scale), {});
      CHECK(largest(scaled.sub(expected)) < 1e-6);
    }
  }
}

TEST_CASE("weights and rooms of all magnitudes end where they should, and soon") {
  // Element after element comes to rest, each at another magnitude of the slope: the worst there is for Newton's
  // method.
  const std::int64_t size = 2000;
  const at::Tensor decades = at::arange(size, at::kDouble).div(size).mul(-280);
  const at::Tensor point = at::ones({1, size}, at::kDouble).sub(at::pow(10, decades.mul(0.05)));
  const at::Tensor w = at::pow(10, decades.flip(0)).view({1, size});
  for (const metric norm : metrics) {
    for (const double rise : {1e-14, 1e-30, 1e-200}) {
      const at::Tensor move = onto_hyperplane(norm, point, w, at::tensor({rise}, at::kDouble), {});
      CHECK(move.mul(w).sum().item<double>() == doctest::Approx(rise).epsilon(1e-9));
    }
  }
}

TEST_CASE("over l1 elements of one weight share the move") {
  const at::Tensor point = at::zeros({1, 4});
  const at::Tensor w = rows_of(1, {2.0F, 1.0F, 1.0F, 0.5F});
  const at::Tensor move = onto_hyperplane(metric::l1, point, w, at::tensor({3.0}, at::kDouble), {});
  CHECK(at::allclose(move, rows_of(1, {1.0F, 0.5F, 0.5F, 0.0F})));
}

TEST_CASE("bounds by channel, any layout of memory, an empty batch") {
  const box bounds{at::tensor({0.0, -1.0, 0.2}), at::tensor({1.0, 2.0, 0.4})};
  const at::Tensor point = bounds.clamp(uniform({6, 3, 2, 5}, 1, -1, 2));
  const at::Tensor w = normal({6, 3, 2, 5}, 2);
  const at::Tensor rise = at::full({6}, 8.0, at::kDouble);
  for (const metric norm : metrics) {
    const at::Tensor move = onto_hyperplane(norm, point, w, rise, bounds);
    const at::Tensor moved = point.add(move);
    CHECK(largest(bounds.clamp(moved).sub(moved)) < 1e-6);
    CHECK(at::allclose(move.mul(w).flatten(1).sum(1).to(at::kDouble), rise, 1e-5));
    CHECK(at::allclose(onto_hyperplane_batch(norm, point, w, rise, bounds), move, 1e-4, 1e-5));
    const at::Tensor strided = point.to(at::MemoryFormat::ChannelsLast);
    CHECK(at::equal(onto_hyperplane(norm, strided, w.to(at::MemoryFormat::ChannelsLast), rise, bounds), move));
    CHECK(onto_hyperplane(norm, point.narrow(0, 0, 0), w.narrow(0, 0, 0), rise.narrow(0, 0, 0), bounds).sizes() ==
          at::IntArrayRef{0, 3, 2, 5});
  }
}

TEST_CASE("the dual length is what a move of length 1 raises a plane by") {
  const at::Tensor w = rows_of(2, {3.0F, -4.0F, 0.0F, 1e-30F, 0.0F, 0.0F});
  CHECK(at::allclose(redoubt::detail::dual_length(metric::linf, w), at::tensor({7.0, 1e-30}, at::kDouble)));
  CHECK(at::allclose(redoubt::detail::dual_length(metric::l2, w), at::tensor({5.0, 1e-30}, at::kDouble)));
  CHECK(at::allclose(redoubt::detail::dual_length(metric::l1, w), at::tensor({4.0, 1e-30}, at::kDouble)));
}
