#include <redoubt/evaluate/evaluation.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <optional>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/worst_case.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "../models.hpp"
#include "hundred_samples.hpp"

using redoubt::evaluation;
using redoubt::fgsm;
using redoubt::linf;
using redoubt::pgd;
using redoubt::robust_accuracy;
using redoubt::robustness;
using redoubt::worst_case;
using redoubt::testing::check_same;
using redoubt::testing::count;
using redoubt::testing::hundred_samples;
using redoubt::testing::normal;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_attacks;
using redoubt::testing::uniform;

TEST_CASE("evaluation: shards of any size give what all samples at once give") {
  const hundred_samples t;
  const robustness whole = robust_accuracy(two_attacks(), t.net, t.x, t.y);
  CHECK(count(whole.robust_correct) > 5);
  CHECK(count(whole.robust_correct) < 60);
  for (const std::int64_t shard : {1, 7, 64, 100}) {
    for (const std::int64_t batch : {5, 33, 256}) {
      CAPTURE(shard);
      CAPTURE(batch);
      evaluation parts{two_attacks(), t.net, {.batch = batch}};
      for (std::int64_t first = 0; first < 100; first += shard) {
        const std::int64_t some = std::min<std::int64_t>(shard, 100 - first);
        parts.add(t.x.narrow(0, first, some), t.y.narrow(0, first, some));
      }
      check_same(parts.report(), whole);
    }
  }
}

TEST_CASE("evaluation: the tables by attack and by class add up to the accuracies") {
  const hundred_samples t;
  const robustness report = robust_accuracy(two_attacks(), t.net, t.x, t.y);
  REQUIRE(report.per_attack.size() == 2);
  CHECK(report.per_attack[0].name == "fgsm");
  CHECK(report.per_attack[0].attacked == 70);
  CHECK(report.per_attack[1].attacked == 70 - report.per_attack[0].fooled);
  CHECK(report.per_attack[1].robust_accuracy == report.robust_accuracy);
  for (std::int64_t i = 0; i < 2; ++i) {
    CHECK(count(report.fooled_by.eq(i)) == report.per_attack[static_cast<std::size_t>(i)].fooled);
  }
  REQUIRE(report.per_class.size() == 4);
  std::int64_t n = 0;
  std::int64_t clean = 0;
  std::int64_t robust = 0;
  for (std::int64_t c = 0; c < 4; ++c) {
    const auto& tally = report.per_class[static_cast<std::size_t>(c)];
    CHECK(tally.n == count(t.y.eq(c)));
    n += tally.n;
    clean += tally.clean;
    robust += tally.robust;
  }
  CHECK(n == 100);
  CHECK(clean == count(report.clean_correct));
  CHECK(robust == count(report.robust_correct));
}

TEST_CASE("evaluation: an attack gets full batches, though some samples are wrong as they are") {
  const hundred_samples t;
  std::vector<std::int64_t> batches;
  const auto watching = [&](auto&& /*model*/, const at::Tensor& x, const at::Tensor& /*y*/, const at::Tensor&) {
    batches.push_back(x.size(0));
    return x;
  };
  (void)robust_accuracy(watching, t.net, t.x, t.y, {.batch = 20});
  CHECK(batches == std::vector<std::int64_t>{20, 20, 20, 10});
}

TEST_CASE("evaluation: keeps the adversarial examples where asked, and x itself where it attacked nothing") {
  const hundred_samples t;
  const fgsm attack{linf{0.05}};
  const robustness report = robust_accuracy(attack, t.net, t.x, t.y, {.batch = 9, .keep_adversarial = true});
  const at::Tensor right = report.clean_correct.nonzero().squeeze(1);
  const at::Tensor rows = at::arange(100, at::kLong);
  CHECK(at::allclose(report.adversarial.index_select(0, right),
                     attack(t.net, t.x.index_select(0, right), t.y.index_select(0, right), rows.index_select(0, right)),
                     0, 1e-6));
  const at::Tensor wrong = report.clean_correct.logical_not().nonzero().squeeze(1);
  CHECK(at::equal(report.adversarial.index_select(0, wrong), t.x.index_select(0, wrong)));
  CHECK_FALSE(robust_accuracy(attack, t.net, t.x, t.y).adversarial.defined());
}

TEST_CASE("evaluation: a state needs both functions and an identity, and counts are out of range below 1") {
  const hundred_samples t;
  const redoubt::evaluation_state half{.name = "somewhere", .read = {}, .write = [](const auto& /*saved*/) {}};
  CHECK_THROWS_WITH_AS((void)robust_accuracy(two_attacks(), t.net, t.x, t.y, {.state = half, .identity = "test"}),
                       doctest::Contains("a state needs both its functions, read and write"), std::invalid_argument);
  redoubt::evaluation_state state = half;
  state.read = [](const auto& /*device*/) { return std::nullopt; };
  CHECK_THROWS_WITH_AS((void)robust_accuracy(two_attacks(), t.net, t.x, t.y, {.state = state}),
                       doctest::Contains("a state needs an identity"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)robust_accuracy(two_attacks(), t.net, t.x, t.y, {.evaluations = 0}),
                       doctest::Contains("evaluations must be at least 1, got 0"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)robust_accuracy(two_attacks(), t.net, t.x, t.y, {.probed = 0}),
                       doctest::Contains("probed must be at least 1, got 0"), std::invalid_argument);
  smooth_net net = t.net;
  evaluation none{two_attacks(), net};
  CHECK_THROWS_WITH_AS((void)none.report(), doctest::Contains("at least one sample"), std::invalid_argument);
}

TEST_CASE("evaluation: a randomised model is judged by its mean probabilities") {
  // Two classes; each answer is off by noise that is larger than what tells the classes apart.
  std::uint64_t draw = 0;
  const auto noisy = [&](const at::Tensor& points) {
    const at::Tensor signal = at::cat({at::full({points.size(0), 1}, 0.5), at::zeros({points.size(0), 1})}, 1);
    return signal.add(normal({points.size(0), 2}, ++draw).mul_(2)).add(points.sum().mul(0));
  };
  const at::Tensor x = uniform({200, 3}, 1);
  const at::Tensor y = at::zeros({200}, at::kLong);
  const auto nothing = [](auto&& /*model*/, const at::Tensor& points, const at::Tensor&, const at::Tensor&) {
    return points;
  };
  const double once = robust_accuracy(nothing, noisy, x, y).clean_accuracy;
  const double often = robust_accuracy(nothing, noisy, x, y, {.evaluations = 100}).clean_accuracy;
  CHECK(once < 0.7);
  CHECK(often > 0.95);
}

TEST_CASE("evaluation: queries that fool what gradients could not are warned of in words") {
  const at::Tensor x = uniform({100, 12}, 2);
  const smooth_net net = smooth_net::make(12, 4, 1);
  const at::Tensor y = predictions(net, x);
  const auto nothing = [](auto&& /*model*/, const at::Tensor& points, const at::Tensor&, const at::Tensor&) {
    return points;
  };
  const auto report_of = [&](const char* second, double radius) {
    return robust_accuracy(worst_case{{{"pgd", nothing}, {second, pgd{linf{radius}, {.step = radius / 4}}}}}, net, x,
                           y);
  };
  const robustness masked = report_of("square", 0.1);
  CHECK(masked.per_attack[1].fooled > 3);
  REQUIRE(masked.warnings.size() == 1);
  CHECK(masked.warnings[0].find("square, which needs no gradient, fooled") == 0);
  CHECK(report_of("apgd-t", 0.1).warnings.empty());
  CHECK(report_of("square", 1e-6).warnings.empty());
}
