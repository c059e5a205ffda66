#include <redoubt/attack/apgd_targeted.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "../models.hpp"

using redoubt::apgd;
using redoubt::apgd_targeted;
using redoubt::apgd_targeted_options;
using redoubt::l2;
using redoubt::linf;
using redoubt::testing::count;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::linear_classifier;
using redoubt::testing::normal;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(apgd_targeted{linf{.radius = 0.1}}), apgd_targeted<linf>>);
static_assert(std::is_same_v<decltype(apgd_targeted{l2{.radius = 1}, {.target_classes = 3}}), apgd_targeted<l2>>);

namespace {

linear_classifier linear(std::int64_t classes, std::uint64_t seed) {
  return {normal({classes, 8}, seed), normal({classes, 1}, seed + 1).flatten().mul(0.3)};
}

/// How far each sample is from each class's side of the boundary, [N, C]: infinite for its own class y.
at::Tensor distances(const linear_classifier& model, const at::Tensor& x, const at::Tensor& y, bool over_l2) {
  const at::Tensor logits = model(x);
  const at::Tensor behind = logits.gather(1, y.unsqueeze(1)).sub(logits);
  const at::Tensor apart = model.weight.index_select(0, y).unsqueeze(1).sub(model.weight.unsqueeze(0));
  const at::Tensor slope = over_l2 ? apart.norm(2, 2) : apart.abs().sum(2);
  return behind.div(slope.clamp_min(1e-9)).scatter(1, y.unsqueeze(1), std::numeric_limits<double>::infinity());
}

}  // namespace

TEST_CASE("apgd_targeted: over a linear model it fools exactly those whose nearest other class is within the radius") {
  for (const std::int64_t classes : {2, 3, 4, 7}) {
    CAPTURE(classes);
    const linear_classifier model = linear(classes, 3);
    const at::Tensor x = uniform({80, 8}, 4);
    const at::Tensor y = predictions(model, x);
    const auto check = [&](const auto& ball, double radius, bool over_l2) {
      const at::Tensor nearest = distances(model, x, y, over_l2).amin(1);
      const auto result = apgd_targeted{ball, {.steps = 60, .box = {-9, 9}}}.run(model, x, y);
      // Those at the very edge of the ball are left out.
      const at::Tensor clear = nearest.sub(radius).abs().gt(0.01 * radius);
      CHECK(at::equal(result.fooled.logical_and(clear), nearest.lt(radius).logical_and(clear)));
      CHECK(at::equal(predictions(model, result.adversarial).ne(y), result.fooled));
      CHECK(count(nearest.lt(radius)) > 10);
      CHECK(count(nearest.lt(radius)) < 75);
    };
    const double radius = classes == 2 ? 0.2 : 0.04;  // two classes lie far apart
    check(linf{radius}, radius, false);
    check(l2{2.5 * radius}, 2.5 * radius, true);
  }
}

TEST_CASE("apgd_targeted: drives a sample to the classes that are likeliest for it, the likeliest first") {
  // Logits (3 + x_0, 2 + x_1, 1 + x_2, x_3, -1): class 0's gap to class k+1 closes along x_0 and x_(k+1) alone.
  const linear_classifier model{at::cat({at::eye(4), at::zeros({1, 4})}), at::tensor({3.0F, 2.0F, 1.0F, 0.0F, -1.0F})};
  const at::Tensor x = at::full({2, 4}, 0.5);
  const at::Tensor y = at::zeros({2}, at::kLong);
  std::vector<at::Tensor> seen;
  const auto watched = [&](const at::Tensor& point) {
    seen.push_back(point.detach().clone());
    return model(point);
  };
  (void)apgd_targeted{linf{0.1}, {.steps = 4, .target_classes = 3, .drop_fooled = false, .batch = 1}}(watched, x, y);
  REQUIRE(seen.size() == 1 + 3 * 5);
  CHECK(at::equal(seen[0], x));
  for (std::int64_t turn = 0; turn < 3; ++turn) {
    // The second point of the turn: one step, of two radii, from its start.
    const at::Tensor point = seen[static_cast<std::size_t>(1 + turn * 5 + 1)];
    for (std::int64_t k = 1; k < 4; ++k) {
      CAPTURE(turn);
      CAPTURE(k);
      const bool driven = point.select(1, k).sub(0.6).abs().lt(1e-6).all().item<bool>();
      CHECK(driven == (k == turn + 1));
    }
  }
}

TEST_CASE("apgd_targeted: one target is an apgd towards it, and more of them fool at least as many") {
  const smooth_net net = smooth_net::make(12, 6, 1);
  const at::Tensor x = uniform({60, 12}, 2);
  const at::Tensor y = predictions(net, x);
  const at::Tensor second = net(x).detach().scatter(1, y.unsqueeze(1), -1e9).argmax(1);
  const at::Tensor one = apgd_targeted{linf{0.05}, {.steps = 20, .target_classes = 1}}(net, x, y);
  const apgd alone{linf{0.05}, {.steps = 20, .loss = redoubt::dlr_targeted{second}}};
  CHECK(at::equal(one, alone(net, x, y)));
  at::Tensor before = predictions(net, one).ne(y);
  std::int64_t first = count(before);
  for (const int classes : {2, 3, 5, 9}) {
    const at::Tensor now =
        predictions(net, apgd_targeted{linf{0.05}, {.steps = 20, .target_classes = classes}}(net, x, y)).ne(y);
    CHECK(count(before.logical_and(now.logical_not())) == 0);
    before = now;
  }
  CHECK(count(before) > first);
  CHECK(count(before) < 60);
}

TEST_CASE("apgd_targeted: which classes are tried together changes no outcome, and fewer batches do") {
  const smooth_net net = smooth_net::make(12, 6, 1);
  const at::Tensor x = uniform({30, 12}, 2);
  const at::Tensor y = predictions(net, x);
  std::int64_t batches = 0;
  const auto counting = [&](const at::Tensor& point) {
    ++batches;
    return net(point);
  };
  const auto run = [&](std::int64_t batch) {
    batches = 0;
    const apgd_targeted attack{linf{0.05}, {.steps = 20, .target_classes = 5, .batch = batch}};
    return attack.run(counting, x, y);
  };
  const auto one_by_one = run(1);
  const std::int64_t most = batches;
  for (const std::int64_t batch : {40, 70, 1000}) {
    CAPTURE(batch);
    const auto together = run(batch);
    CHECK(at::equal(together.fooled, one_by_one.fooled));
    CHECK(at::equal(together.zero_gradient, one_by_one.zero_gradient));
    CHECK(largest(together.adversarial.sub(one_by_one.adversarial)) < 1e-5);
  }
  CHECK(3 * batches < most);
  CHECK(count(one_by_one.fooled) > 3);
  CHECK(count(one_by_one.fooled) < 30);
}

TEST_CASE("apgd_targeted: samples that are wrong as they are, or NaN, come back as they are and cost one forward") {
  const linear_classifier model = linear(5, 7);
  const at::Tensor x = uniform({20, 8}, 8);
  const at::Tensor right = predictions(model, x);
  const at::Tensor half = first_rows(20).remainder(2).eq(0);
  const at::Tensor y = right.add(half).remainder(5);
  std::int64_t asked = 0;
  const auto counting = [&](const at::Tensor& point) {
    asked += point.size(0);
    return model(point).masked_fill(point.select(1, 0).lt(-5).unsqueeze(1), std::numeric_limits<double>::quiet_NaN());
  };
  at::Tensor with_nan = x.clone();
  with_nan[1].fill_(-6);
  const auto result =
      apgd_targeted{linf{1e-4}, {.steps = 3, .target_classes = 4, .box = {-9, 9}}}.run(counting, with_nan, y);
  const at::Tensor untouched = half.clone();
  untouched[1] = true;
  CHECK(at::equal(result.fooled, untouched));
  const at::Tensor kept = untouched.nonzero().squeeze(1);
  CHECK(at::equal(result.adversarial.index_select(0, kept), with_nan.index_select(0, kept)));
  CHECK(asked == 20 + 9 * 4 * 4);
}

TEST_CASE("apgd_targeted: a sample's outcome is the same in any batch, order and company") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 8; ++trial) {
    CAPTURE(trial);
    const std::int64_t samples = 2 + random.below(20);
    const std::int64_t inputs = 3 + random.below(20);
    const smooth_net net = smooth_net::make(inputs, 2 + random.below(6), random());
    const at::Tensor x = uniform({samples, inputs}, random());
    const at::Tensor y = predictions(net, x);
    const at::Tensor rows = uniform({samples, 1}, random(), 0, 1e5).flatten().to(at::kLong);
    const at::Tensor radii = uniform({samples, 1}, random(), 0, 0.1).flatten();
    const at::Tensor order = uniform({samples, 1}, random()).flatten().argsort();
    const apgd_targeted_options options{.steps = 12, .target_classes = 4, .restarts = 2, .seed = random()};
    const at::Tensor outcome = predictions(net, apgd_targeted{linf{radii}, options}(net, x, y, rows)).ne(y);
    for (const at::Tensor& taken : {order, order.narrow(0, 0, 1)}) {
      const apgd_targeted attack{linf{radii.index_select(0, taken)}, options};
      const at::Tensor found =
          attack(net, x.index_select(0, taken), y.index_select(0, taken), rows.index_select(0, taken));
      CHECK(at::equal(predictions(net, found).ne(y.index_select(0, taken)), outcome.index_select(0, taken)));
    }
  }
}

TEST_CASE("apgd_targeted: the result is like x, in ball and box, also of half precision and where nothing is fooled") {
  const linear_classifier model = linear(5, 9);
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf}) {
    const at::Tensor x = uniform({10, 8}, 10).view({10, 2, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast).to(type);
    const auto half_model = [&](const at::Tensor& point) { return model(point.to(at::kFloat)); };
    const at::Tensor y = half_model(x).argmax(1);
    const auto result = apgd_targeted{linf{0.01}, {.steps = 5}}.run(half_model, x, y);
    CHECK((result.adversarial.scalar_type() == type));
    CHECK(result.adversarial.sizes() == x.sizes());
    CHECK(result.adversarial.strides() == x.strides());
    CHECK_FALSE(result.adversarial.requires_grad());
    CHECK(largest(result.adversarial.to(at::kDouble).sub(x.to(at::kDouble))) <=
          0.01 + (type == at::kHalf ? 5e-4 : 1e-7));
    CHECK(result.adversarial.min().item<double>() >= 0);
    CHECK(result.adversarial.max().item<double>() <= 1);
  }
}

TEST_CASE("apgd_targeted: a constant model is reported by its zero gradients; no samples are an empty result") {
  const auto constant = [](const at::Tensor& point) {
    return at::cat({point.mul(0).add(1), point.mul(0), point.mul(0), point.mul(0)}, 1);
  };
  const at::Tensor x = uniform({3, 1}, 1);
  const auto flat = apgd_targeted{linf{0.1}, {.steps = 5}}.run(constant, x, at::zeros({3}, at::kLong));
  CHECK(flat.zero_gradient.all().item<bool>());
  CHECK_FALSE(flat.fooled.any().item<bool>());
  const auto none = apgd_targeted{linf{0.1}}.run(constant, at::empty({0, 1}), at::empty({0}, at::kLong));
  CHECK(none.adversarial.sizes() == at::IntArrayRef({0, 1}));
  CHECK(none.fooled.numel() == 0);
}

TEST_CASE("apgd_targeted: options and labels out of range are named") {
  const linear_classifier model = linear(5, 11);
  const at::Tensor x = uniform({2, 8}, 1);
  const auto refused = [&](const linf& ball, const apgd_targeted_options& options, const at::Tensor& y,
                           const char* message) {
    CHECK_THROWS_WITH_AS((void)(apgd_targeted{ball, options}(model, x, y)), doctest::Contains(message),
                         std::invalid_argument);
  };
  const at::Tensor y = predictions(model, x);
  refused(linf{-0.1}, {}, y, "apgd_targeted: the ball's radius must be finite and not negative, got -0.1");
  refused(linf{0.1}, {.steps = 0}, y, "apgd_targeted: steps must be at least 1, got 0");
  refused(linf{0.1}, {.target_classes = 0}, y, "apgd_targeted: target_classes must lie in [1, 255], got 0");
  refused(linf{0.1}, {.restarts = 0}, y, "apgd_targeted: restarts must lie in [1, 65535], got 0");
  refused(linf{0.1}, {.rho = -1}, y, "apgd_targeted: rho must lie in [0, 1], got -1");
  refused(linf{0.1}, {}, at::full({2}, 5, at::kLong), "apgd_targeted: labels must lie in [0, 5)");
  refused(linf{0.1}, {}, at::zeros({3}, at::kLong), "apgd_targeted: need one int64 label per sample [2]");
}
