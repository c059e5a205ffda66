#include <redoubt/attack/stop_rule.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/attack/pgd.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <vector>

#include "../models.hpp"

using redoubt::iterate;
using redoubt::linf;
using redoubt::pgd;
using redoubt::pgd_options;
using redoubt::step_view;
using redoubt::testing::largest;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

namespace {

/// Done once the loss exceeds each sample's own bound.
struct loss_above {
  at::Tensor bound;

  at::Tensor operator()(const step_view& now) const { return now.loss.gt(bound.to(now.loss.scalar_type())); }
  [[nodiscard]] loss_above at(const at::Tensor& rows) const { return {bound.index_select(0, rows)}; }
};

/// Steps of 0.01 raise the margin by 0.02 each, from -0.11 at x.
pgd_options margin_options(const redoubt::stop_rule& stop) {
  return {.step = 0.01, .steps = 20, .random_start = false, .loss = redoubt::margin{}, .stop = stop};
}

const redoubt::testing::linear_classifier& ramp() {
  static const auto model = two_class(at::tensor({1.0, -1.0}, at::kDouble), 0.11);
  return model;
}

at::Tensor middle(std::int64_t samples) {
  return at::full({samples, 2}, 0.5, at::kDouble);
}

at::Tensor label_one(std::int64_t samples) {
  return at::ones({samples}, at::kLong);
}

/// How many steps each sample took.
at::Tensor steps_taken(const at::Tensor& found) {
  return linf::length(found.sub(0.5)).div(0.01).round();
}

}  // namespace

TEST_CASE("stop: an attack for confidence goes on until the margin exceeds k, and no further") {
  for (const auto& wanted : {std::pair{-0.2, 0.0}, {-0.02, 5.0}, {0.0, 6.0}, {0.1, 11.0}, {9.0, 20.0}}) {
    const auto& [k, steps] = wanted;
    CAPTURE(wanted.first);
    const auto stop = [k = k](const step_view& now) { return now.loss.gt(k); };
    int calls = 0;
    const auto model = [&](const at::Tensor& x) {
      ++calls;
      return ramp()(x);
    };
    const at::Tensor found = pgd{linf{0.3}, margin_options(stop)}(model, middle(3), label_one(3));
    CHECK(at::equal(steps_taken(found), at::full({3}, steps, at::kDouble)));
    // The gradient that shows a sample to be done is the last.
    CHECK(calls == static_cast<int>(steps) + 1);
  }
}

TEST_CASE("stop: a sample's last point is the same, however long its batch goes on") {
  const at::Tensor bounds = at::tensor({9.0, 9.0, -0.08, 9.0, 0.04, 9.0, 9.0, 9.0, 0.04, 9.0}, at::kDouble);
  const at::Tensor steps = at::tensor({20, 20, 2, 20, 8, 20, 20, 20, 8, 20}, at::kDouble);
  // Two or three of ten are less than the quarter that is taken out of the batch.
  const auto found = pgd{linf{0.3}, margin_options(loss_above{bounds})}.run(ramp(), middle(10), label_one(10));
  CHECK(at::equal(steps_taken(found.adversarial), steps));
  CHECK(at::equal(found.fooled, steps.gt(5)));
  for (std::int64_t i = 0; i < 10; ++i) {
    const loss_above alone{bounds.narrow(0, i, 1)};
    const at::Tensor one = pgd{linf{0.3}, margin_options(alone)}(ramp(), middle(1), label_one(1));
    CHECK(at::equal(one, found.adversarial.narrow(0, i, 1)));
  }
}

TEST_CASE("stop: bounds per sample follow their samples as others leave") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  const at::Tensor bounds = uniform({60, 1}, seed, -0.12, 0.25).flatten().to(at::kDouble);
  const at::Tensor expected = bounds.add(0.11).div(0.02).floor().add(1).clamp(0, 20);
  const at::Tensor found = pgd{linf{0.3}, margin_options(loss_above{bounds})}(ramp(), middle(60), label_one(60));
  CHECK(at::equal(steps_taken(found), expected));
}

TEST_CASE("stop: together with dropping, a sample is done by whichever comes first") {
  pgd_options options = margin_options([](const step_view& now) { return now.loss.gt(0.1); });
  options.drop_fooled = true;
  CHECK(at::equal(steps_taken(pgd{linf{0.3}, options}(ramp(), middle(4), label_one(4))),
                  at::full({4}, 6.0, at::kDouble)));
  options.stop = [](const step_view& now) { return now.loss.gt(-0.04); };
  CHECK(at::equal(steps_taken(pgd{linf{0.3}, options}(ramp(), middle(4), label_one(4))),
                  at::full({4}, 4.0, at::kDouble)));
}

TEST_CASE("drop_fooled: the first point that fools stands, however long its batch goes on") {
  const at::Tensor x = middle(8).add(at::arange(8, at::kDouble).mul(0.005).unsqueeze(1).mul(at::tensor({1.0, -1.0})));
  pgd_options options = margin_options({});
  options.drop_fooled = true;
  const at::Tensor together = pgd{linf{0.3}, options}(ramp(), x, label_one(8));
  for (std::int64_t i = 0; i < 8; ++i) {
    const at::Tensor alone = pgd{linf{0.3}, options}(ramp(), x.narrow(0, i, 1), label_one(1));
    CHECK(largest(alone.sub(together.narrow(0, i, 1))) < 1e-12);
  }
}

TEST_CASE("stop: needs the best point, and a bool per sample") {
  const auto refused = [&](const pgd_options& options, const char* message) {
    CHECK_THROWS_WITH_AS((void)(pgd{linf{0.3}, options}(ramp(), middle(3), label_one(3))), doctest::Contains(message),
                         std::invalid_argument);
  };
  pgd_options options = margin_options([](const step_view& now) { return now.loss.gt(0); });
  options.keep = iterate::last;
  refused(options, "pgd: a stopping rule needs iterate::best");
  refused(margin_options([](const step_view& now) { return now.loss.gt(0).any(); }),
          "pgd: the stopping rule must give a bool per sample [3], gave shape []");
}
