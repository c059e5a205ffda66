#include <redoubt/attack/worst_case.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>

#include "../models.hpp"

using redoubt::attack_result;
using redoubt::fgsm;
using redoubt::linf;
using redoubt::pgd;
using redoubt::worst_case;
using redoubt::testing::count;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::uniform;

namespace {

const smooth_net net = smooth_net::make(12, 4, 3);
const at::Tensor x = uniform({60, 12}, 13);
const at::Tensor y = predictions(net, x);

at::Tensor fooled(const at::Tensor& adversarial) {
  return predictions(net, adversarial).ne(y);
}

/// Answers with x, and counts whom it was given.
struct watching {
  at::Tensor* seen;

  template <class Model>
  at::Tensor operator()(Model&& /*model*/, const at::Tensor& points, const at::Tensor& /*labels*/,
                        const at::Tensor& rows) const {
    *seen = rows;
    return points;
  }
};

}  // namespace

TEST_CASE("worst_case: fools whom any of its attacks fools, and says which was the first") {
  const fgsm weak{linf{0.05}};
  const pgd strong{linf{0.15}, {.step = 0.03}};
  const at::Tensor by_weak = fooled(weak(net, x, y));
  const at::Tensor by_strong = fooled(strong(net, x, y));
  const attack_result found = worst_case{{{"weak", weak}, {"strong", strong}}}.run(net, x, y);
  CHECK(count(by_weak) > 0);
  CHECK(count(by_weak) < count(by_strong));
  CHECK(at::equal(fooled(found.adversarial), by_weak.logical_or(by_strong)));
  CHECK(at::equal(found.fooled, fooled(found.adversarial)));
  REQUIRE(found.stages.size() == 2);
  CHECK(found.stages[0].name == "weak");
  CHECK(at::equal(found.stages[0].fooled, by_weak));
  CHECK(at::equal(found.stages[1].fooled, by_strong.logical_and(by_weak.logical_not())));
}

TEST_CASE("worst_case: an attack sees only what is left, under its own row numbers") {
  const fgsm first{linf{0.1}};
  at::Tensor seen;
  (void)worst_case{{{"first", first}, {"second", watching{&seen}}}}(net, x, y);
  CHECK(at::equal(seen, fooled(first(net, x, y)).logical_not().nonzero().squeeze(1)));
  const at::Tensor rows = at::arange(60, at::kLong).add(1000);
  at::Tensor renumbered;
  (void)worst_case{{{"first", first}, {"second", watching{&renumbered}}}}(net, x, y, rows);
  CHECK(at::equal(renumbered, seen.add(1000)));
}

TEST_CASE("worst_case: nothing is asked of an attack once all are fooled, and no samples are an empty result") {
  at::Tensor seen;
  const at::Tensor wrong = y.add(1).remainder(4);
  const attack_result found = worst_case{{{"first", fgsm{linf{0.1}}}, {"second", watching{&seen}}}}.run(
      [](const at::Tensor& points) { return points.narrow(1, 0, 4).sub(points.narrow(1, 0, 4).detach()).add(1); }, x,
      at::ones({60}, at::kLong));
  CHECK_FALSE(seen.defined());
  CHECK(count(found.fooled) == 60);
  CHECK(count(found.stages[1].fooled) == 0);
  const attack_result nothing =
      worst_case{{{"first", fgsm{linf{0.1}}}}}.run(net, x.narrow(0, 0, 0), wrong.narrow(0, 0, 0));
  CHECK(nothing.adversarial.sizes() == at::IntArrayRef{0, 12});
}

TEST_CASE("worst_case: does not take an attack's word for it") {
  struct boasts {
    attack_result run(const redoubt::classifier_view& /*model*/, const at::Tensor& points, const at::Tensor& labels,
                      const at::Tensor& /*rows*/) const {
      return {.adversarial = points, .fooled = labels.new_ones(labels.sizes(), at::kBool)};
    }
    at::Tensor operator()(const redoubt::classifier_view& model, const at::Tensor& points, const at::Tensor& labels,
                          const at::Tensor& rows) const {
      return run(model, points, labels, rows).adversarial;
    }
  };
  CHECK(count(worst_case{{{"boasts", boasts{}}}}.run(net, x, y).fooled) == 0);
}

TEST_CASE("worst_case: counts a zero gradient that any of its attacks met") {
  const auto saturated = [](const at::Tensor& points) { return net(points).mul(1e4); };
  const attack_result found = worst_case{{{"pgd", pgd{linf{0.001}, {.step = 0.0005, .random_start = false}}},
                                          {"nothing", pgd{redoubt::l2{0}, {.steps = 1}}}}}
                                  .run(saturated, x, y);
  CHECK(count(found.zero_gradient) > 30);
}

TEST_CASE("worst_case: needs attacks, a batch, and a label for each sample") {
  CHECK_THROWS_WITH_AS((void)worst_case{}(net, x, y), doctest::Contains("at least one attack"), std::invalid_argument);
  const worst_case attack{{{"fgsm", fgsm{linf{0.1}}}}};
  CHECK_THROWS_WITH_AS((void)attack(net, x, y.narrow(0, 0, 3)), doctest::Contains("one int64 label per sample [60]"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)attack(net, x.select(0, 0), y), doctest::Contains("must be a batch [N, ...]"),
                       std::invalid_argument);
}
