#include <redoubt/attack/start.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/attack/pgd.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <vector>

#include "../models.hpp"

using redoubt::draw;
using redoubt::l2;
using redoubt::linf;
using redoubt::pgd;
using redoubt::pgd_options;
using redoubt::start_at;
using redoubt::testing::count;
using redoubt::testing::largest;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::uniform;

namespace {

/// Where a model that cannot be fooled is first asked, for each restart of two steps.
template <class Ball>
std::vector<at::Tensor> starts(const Ball& ball, const at::Tensor& x, const pgd_options& options) {
  std::vector<at::Tensor> seen;
  const auto model = [&](const at::Tensor& point) {
    seen.push_back(point.detach().clone());
    return redoubt::testing::two_class(at::ones({x.size(1)}), 100)(point);
  };
  (void)pgd{ball, options}(model, x, at::ones({x.size(0)}, at::kLong));
  std::vector<at::Tensor> first;
  for (std::size_t i = 0; i < seen.size(); i += static_cast<std::size_t>(options.steps) + 1) {
    first.push_back(seen[i]);
  }
  return first;
}

}  // namespace

TEST_CASE("start_at: an attack begins at the given points, moved into ball and box") {
  const at::Tensor x = uniform({6, 5}, 1);
  const at::Tensor points = x.add(uniform({6, 5}, 2, -0.3, 0.3));
  const auto from = starts(linf{0.2}, x, {.steps = 2, .restarts = 2, .start = start_at{points}});
  REQUIRE(from.size() == 2);
  for (const at::Tensor& each : from) {
    CHECK(largest(each.sub(points.sub(x).clamp(-0.2, 0.2).add(x).clamp(0, 1))) < 1e-7);
  }
}

TEST_CASE("start_at: from another attack's result on, an attack only wins samples and loses none") {
  const auto net = smooth_net::make(12, 4, 3);
  const at::Tensor x = uniform({60, 12}, 4);
  const at::Tensor y = predictions(net, x);
  const at::Tensor first = pgd{linf{0.1}, {.step = 0.02, .steps = 3}}(net, x, y);
  for (const bool drop_fooled : {false, true}) {
    const pgd_options options{.step = 0.02, .steps = 10, .drop_fooled = drop_fooled, .start = start_at{first}};
    const at::Tensor second = pgd{linf{0.1}, options}(net, x, y);
    const at::Tensor fooled_first = predictions(net, first).ne(y);
    const at::Tensor fooled_second = predictions(net, second).ne(y);
    CHECK(count(fooled_first.logical_and(fooled_second.logical_not())) == 0);
    CHECK(count(fooled_second) > count(fooled_first));
    CHECK(linf::length(second.sub(x)).max().item<double>() <= 0.1 + 1e-7);
  }
}

TEST_CASE("start_at: its points follow their samples") {
  const at::Tensor x = uniform({4, 3}, 1);
  const at::Tensor points = uniform({4, 3}, 2);
  const at::Tensor rows = at::tensor({3, 1}, at::kLong);
  const at::Tensor some = start_at{points}.at(rows)(x.index_select(0, rows), rows, {});
  CHECK(at::equal(some, points.sub(x).index_select(0, rows)));
}

TEST_CASE("start_at: points of another type are taken, of another shape are named") {
  const at::Tensor x = uniform({4, 3}, 1);
  CHECK((start_at{x.to(at::kDouble)}(x, {}, {}).scalar_type() == at::kFloat));
  const auto refused = [&](const at::Tensor& points, const char* message) {
    CHECK_THROWS_WITH_AS((void)starts(linf{0.1}, x, {.start = start_at{points}}), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(uniform({3, 3}, 2), "start_at: needs a point for each sample, has 3, is asked for sample 3");
  refused(uniform({4, 2}, 2), "start_at: needs a point for each sample, of shape [4, 3], has [4, 2]");
  refused({}, "start_at: needs a point for each sample, of shape [4, 3]");
}

TEST_CASE("a user's start is a function of the sample, its row and the restart, and what it gives is not changed") {
  const at::Tensor x = uniform({5, 4}, 1, 0.4, 0.6);
  at::Tensor mine = at::full({5, 4}, 7.0F);
  std::vector<draw> asked;
  const auto start = [&](const at::Tensor& samples, const at::Tensor& rows, const draw& where) {
    CHECK(at::equal(samples, x));
    CHECK(at::equal(rows, redoubt::testing::first_rows(5)));
    asked.push_back(where);
    return mine;
  };
  const auto from = starts(l2{0.2}, x, {.steps = 2, .restarts = 3, .seed = 9, .start = start});
  REQUIRE(asked.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(asked[i].seed == 9);
    CHECK(asked[i].restart == i);
    CHECK(at::allclose(from[i], x.add(0.1)));
  }
  CHECK(at::equal(mine, at::full({5, 4}, 7.0F)));
}

TEST_CASE("a start that gives another shape is named") {
  const at::Tensor x = uniform({5, 4}, 1);
  const auto start = [](const at::Tensor&, const at::Tensor&, const draw&) { return at::zeros({4}); };
  CHECK_THROWS_WITH_AS((void)starts(linf{0.1}, x, {.start = start}),
                       doctest::Contains("pgd: the start must give a perturbation of shape [5, 4], gave [4]"),
                       std::invalid_argument);
}
