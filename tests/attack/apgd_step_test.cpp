#include <redoubt/attack/apgd_step.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <vector>

#include "../models.hpp"

using redoubt::apgd_step;
using redoubt::is_apgd_checkpoint;
using redoubt::l2;
using redoubt::linf;
using redoubt::pgd;
using redoubt::pgd_options;
using redoubt::testing::largest;
using redoubt::testing::uniform;

static_assert(redoubt::a_step_rule<apgd_step, linf>);
static_assert(redoubt::a_step_rule<apgd_step, l2>);

namespace {

using vector = std::vector<double>;

/// A hill with ripples: f(x) = -sum w (x - c)^2 + 0.02 * sin(40 x). Its own top and slopes for each sample.
struct hill {
  at::Tensor weight;  ///< [N, D]
  at::Tensor centre;  ///< [N, D]

  static hill make(std::int64_t samples, std::int64_t inputs, std::uint64_t seed) {
    return {uniform({samples, inputs}, seed, 0.2, 3).to(at::kDouble),
            uniform({samples, inputs}, seed + 1, 0.35, 0.65).to(at::kDouble)};
  }

  [[nodiscard]] at::Tensor height(const at::Tensor& x) const {
    return x.mul(40).sin().mul(0.02).sub(x.sub(centre).square().mul(weight)).sum(1);
  }

  [[nodiscard]] double height(const vector& x, std::int64_t sample) const {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double away = x[i] - at(centre, sample, i);
      sum += 0.02 * std::sin(40 * x[i]) - at(weight, sample, i) * away * away;
    }
    return sum;
  }

  [[nodiscard]] vector slope(const vector& x, std::int64_t sample) const {
    vector g(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      g[i] = 0.8 * std::cos(40 * x[i]) - 2 * at(weight, sample, i) * (x[i] - at(centre, sample, i));
    }
    return g;
  }

  static double at(const at::Tensor& t, std::int64_t sample, std::size_t i) {
    return t[sample][static_cast<std::int64_t>(i)].item<double>();
  }
};

/// Logits (x, 100): the last class is always right.
at::Tensor with_sure_class(const at::Tensor& x) {
  return at::cat({x, x.new_full({x.size(0), 1}, 100)}, 1);
}

at::Tensor sure_labels(const at::Tensor& x) {
  return at::full({x.size(0)}, x.size(1), at::kLong);
}

/// The height of the point that the logits of `with_sure_class` hold, as a loss: follows its samples.
struct height_of {
  hill ground;

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& /*y*/) const {
    return ground.height(logits.narrow(1, 0, logits.size(1) - 1));
  }
  [[nodiscard]] height_of at(const at::Tensor& rows) const {
    return {{ground.weight.index_select(0, rows), ground.centre.index_select(0, rows)}};
  }
};

/// The points that algorithm 1 visits, written down from the paper, one sample at a time in double precision.
///
/// Two things the paper leaves open: a rise is counted from the loss of the point that was looked at, also where the
/// climb then went back to its best point; and checkpoints are rounded up.
struct reference {
  const hill& ground;
  std::int64_t sample;
  double radius;
  vector x;
  bool sphere;  // l2 instead of linf

  [[nodiscard]] vector project(vector p) const {
    if (!sphere) {
      for (std::size_t i = 0; i < p.size(); ++i) {
        p[i] = std::clamp(x[i] + std::clamp(p[i] - x[i], -radius, radius), 0.0, 1.0);
      }
      return p;
    }
    // The nearest point of ball and box is the clamp of a shrunken perturbation: the largest share that fits.
    const auto shrunken = [&](double share) {
      vector q = p;
      for (std::size_t i = 0; i < p.size(); ++i) {
        q[i] = std::clamp(x[i] + share * (p[i] - x[i]), 0.0, 1.0);
      }
      return q;
    };
    const auto fits = [&](const vector& q) {
      double size = 0;
      for (std::size_t i = 0; i < q.size(); ++i) {
        size += (q[i] - x[i]) * (q[i] - x[i]);
      }
      return std::sqrt(size) <= radius;
    };
    if (fits(shrunken(1))) {
      return shrunken(1);
    }
    double low = 0;
    double high = 1;
    for (int i = 0; i < 100; ++i) {
      const double middle = (low + high) / 2;
      (fits(shrunken(middle)) ? low : high) = middle;
    }
    return shrunken(low);
  }

  [[nodiscard]] vector ahead(const vector& from, const vector& g, double length) const {
    double size = 0;
    for (const double each : g) {
      size += each * each;
    }
    vector p = from;
    for (std::size_t i = 0; i < p.size(); ++i) {
      p[i] += length * (sphere ? g[i] / std::sqrt(size) : (g[i] > 0 ? 1 : -1));
    }
    return project(p);
  }

  [[nodiscard]] static std::vector<int> checkpoints(int steps) {
    std::vector<int> w{0};
    double before = 0;
    double p = 0.22;
    while (p < 1.001) {
      w.push_back(static_cast<int>(std::ceil(p * steps - 1e-6)));
      const double next = p + std::max(p - before - 0.03, 0.06);
      before = p;
      p = next;
    }
    return w;
  }

  [[nodiscard]] std::vector<vector> visit(int steps) const {
    const std::vector<int> w = checkpoints(steps);
    std::vector<vector> seen{x};
    std::vector<double> heights{ground.height(x, sample)};
    std::vector<double> lengths{2 * radius};
    std::vector<double> tops{heights[0]};
    vector best = x;
    vector before = x;
    vector now = x;
    double length = 2 * radius;
    for (int k = 0; k < steps; ++k) {
      const vector z = ahead(now, ground.slope(now, sample), length);
      vector next = z;
      if (k > 0) {
        for (std::size_t i = 0; i < z.size(); ++i) {
          next[i] = now[i] + 0.75 * (z[i] - now[i]) + 0.25 * (now[i] - before[i]);
        }
        next = project(next);
      }
      before = now;
      now = next;
      seen.push_back(now);
      heights.push_back(ground.height(now, sample));
      if (heights.back() > tops.back()) {
        best = now;
      }
      tops.push_back(std::max(tops.back(), heights.back()));
      const auto check = std::find(w.begin() + 1, w.end(), k + 1);
      if (check != w.end()) {
        const int last = *(check - 1);
        int rises = 0;
        for (int i = last; i < k + 1; ++i) {
          rises += heights[static_cast<std::size_t>(i) + 1] > heights[static_cast<std::size_t>(i)] ? 1 : 0;
        }
        const bool stuck = lengths.back() == length && tops[static_cast<std::size_t>(last)] == tops.back();
        lengths.push_back(length);
        if (rises < 0.75 * (k + 1 - last) || stuck) {
          length /= 2;
          now = best;
        }
      }
    }
    return seen;
  }
};

/// Every point that an attack looks at, in order.
template <class Attack>
std::vector<at::Tensor> visited(const Attack& attack, const at::Tensor& x) {
  std::vector<at::Tensor> points;
  const auto model = [&](const at::Tensor& point) {
    points.push_back(point.detach().clone());
    return with_sure_class(point);
  };
  (void)attack(model, x, sure_labels(x));
  return points;
}

pgd_options climbing(const hill& ground, double radius, int steps) {
  return {.step = 2 * radius, .steps = steps, .random_start = false, .loss = height_of{ground}};
}

}  // namespace

TEST_CASE("apgd_step: looks back after 22, 41, 57, 70, 80, 87, 93 and 99 of 100 steps") {
  std::vector<int> found;
  for (int step = 1; step < 100; ++step) {
    if (is_apgd_checkpoint(step, 100)) {
      found.push_back(step);
    }
  }
  CHECK(found == std::vector<int>{22, 41, 57, 70, 80, 87, 93, 99});
}

TEST_CASE("apgd_step: of any number of steps it looks back where the paper's fractions say") {
  for (int steps = 1; steps <= 300; ++steps) {
    CAPTURE(steps);
    const std::vector<int> expected = reference::checkpoints(steps);
    for (int step = 1; step < steps; ++step) {
      CHECK(is_apgd_checkpoint(step, steps) == (std::count(expected.begin(), expected.end(), step) > 0));
    }
  }
}

TEST_CASE("apgd_step: visits the points of algorithm 1, as a reference in double precision does") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  constexpr std::int64_t samples = 20;
  const hill ground = hill::make(samples, 3, seed);
  const at::Tensor x = uniform({samples, 3}, seed + 2, 0.1, 0.9).to(at::kDouble);
  const auto check = [&](const auto& ball, double radius, bool sphere, int steps) {
    const std::vector<at::Tensor> points = visited(pgd{ball, climbing(ground, radius, steps), apgd_step{}}, x);
    REQUIRE(points.size() == static_cast<std::size_t>(steps) + 1);
    int far = 0;
    for (std::int64_t i = 0; i < samples; ++i) {
      CAPTURE(i);
      const at::Tensor start = x[i];
      const vector from(start.data_ptr<double>(), start.data_ptr<double>() + 3);
      const std::vector<vector> expected = reference{ground, i, radius, from, sphere}.visit(steps);
      double error = 0;
      for (std::size_t k = 0; k < expected.size(); ++k) {
        for (std::size_t j = 0; j < 3; ++j) {
          error = std::max(error, std::abs(hill::at(points[k], i, j) - expected[k][j]));
        }
      }
      CHECK(error < (sphere ? 1e-7 : 1e-9));
      far += std::abs(expected.back()[0] - expected.front()[0]) > 1e-3 ? 1 : 0;
    }
    CHECK(far > samples / 2);
  };
  for (const int steps : {1, 2, 7, 30, 100}) {
    CAPTURE(steps);
    check(linf{0.3}, 0.3, false, steps);
    // Around the top of a hill the direction of a small gradient magnifies each rounding: l2 is compared before that.
    if (steps <= 30) {
      check(l2{0.4}, 0.4, true, steps);
    }
  }
}

TEST_CASE("apgd_step: samples that leave take nothing from those that stay") {
  const hill ground = hill::make(30, 4, 3);
  const at::Tensor x = uniform({30, 4}, 4, 0.1, 0.9).to(at::kDouble);
  const auto run = [&](const redoubt::stop_rule& stop, const at::Tensor& taken) {
    pgd_options options =
        climbing({ground.weight.index_select(0, taken), ground.centre.index_select(0, taken)}, 0.3, 60);
    options.stop = stop;
    return pgd{linf{0.3}, options, apgd_step{}}(with_sure_class, x.index_select(0, taken),
                                                sure_labels(x.index_select(0, taken)));
  };
  const at::Tensor all = redoubt::testing::first_rows(30);
  const at::Tensor expected = run({}, all);
  // Thirds leave at steps 10, 33 (a length has halved by then) and never; which third is told by the sample's x.
  const auto leaves = [](const redoubt::step_view& now) {
    const at::Tensor part = now.x.select(1, 0).mul(1e6).floor().remainder(3);
    return part.eq(0)
        .logical_and(at::full({}, now.step >= 10))
        .logical_or(part.eq(1).logical_and(at::full({}, now.step >= 33)));
  };
  const at::Tensor stays = x.select(1, 0).mul(1e6).floor().remainder(3).eq(2).nonzero().squeeze(1);
  REQUIRE(stays.size(0) > 3);
  REQUIRE(stays.size(0) < 20);
  CHECK(largest(run(leaves, all).index_select(0, stays).sub(expected.index_select(0, stays))) < 1e-9);
  const at::Tensor order = uniform({30, 1}, 5).flatten().argsort();
  CHECK(largest(run({}, order).sub(expected.index_select(0, order))) < 1e-9);
}

TEST_CASE("apgd_step: a second restart begins with the first length again") {
  const hill ground = hill::make(4, 2, 8);
  const at::Tensor x = uniform({4, 2}, 9, 0.3, 0.7).to(at::kDouble);
  pgd_options options = climbing(ground, 0.2, 50);
  options.restarts = 2;
  const std::vector<at::Tensor> points = visited(pgd{linf{0.2}, options, apgd_step{}}, x);
  REQUIRE(points.size() == 102);
  for (std::size_t k = 0; k < 51; ++k) {
    CHECK(at::equal(points[k], points[k + 51]));
  }
}

TEST_CASE("apgd_step: the length that a user asks for is the first step's") {
  const hill ground = hill::make(10, 3, 6);
  const at::Tensor x = uniform({10, 3}, 7, 0.3, 0.7).to(at::kDouble);
  pgd_options options = climbing(ground, 0.3, 2);
  options.step = 0.05;
  const std::vector<at::Tensor> points = visited(pgd{linf{0.3}, options, apgd_step{}}, x);
  CHECK(at::allclose(linf::length(points[1].sub(x)), at::full({10}, 0.05, at::kDouble)));
}
