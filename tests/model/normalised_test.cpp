#include <redoubt/model/normalised.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/watch/logit_features.hpp>
#include <stdexcept>
#include <vector>

#include "../nn_models.hpp"
#include "../script_models.hpp"

using redoubt::linf;
using redoubt::normalised;
using redoubt::pgd;
using redoubt::testing::labels;
using redoubt::testing::largest;
using redoubt::testing::smooth_net;
using redoubt::testing::uniform;

static_assert(redoubt::a_module<normalised<redoubt::nn_model<redoubt::testing::fragile_net>>>);
static_assert(redoubt::a_module<const normalised<redoubt::script_model>>);
static_assert(redoubt::a_classifier<const normalised<smooth_net>&>);
static_assert(!redoubt::a_module<normalised<smooth_net>>);
static_assert(redoubt::has_features<normalised<redoubt::script_model>>);
static_assert(!redoubt::has_features<normalised<smooth_net>>);

namespace {

const std::vector<double> mean{0.48, 0.45, 0.4};
const std::vector<double> deviation{0.23, 0.22, 0.25};

/// x with the numbers of channel c moved to (x - mean_c) / deviation_c, one by one.
at::Tensor by_hand(const at::Tensor& x) {
  at::Tensor scaled = x.clone();
  for (std::int64_t c = 0; c < 3; ++c) {
    const auto i = static_cast<std::size_t>(c);
    scaled.select(1, c).sub_(mean[i]).div_(deviation[i]);
  }
  return scaled;
}

}  // namespace

TEST_CASE("normalised: the model is given (x - mean) / deviation, channel by channel") {
  const auto identity = [](const at::Tensor& x) { return x.flatten(1); };
  const at::Tensor x = uniform({4, 3, 2, 2}, 1);
  const at::Tensor expected = by_hand(x).flatten(1);
  CHECK(at::allclose(normalised{identity, mean, deviation}(x), expected, 1e-6, 1e-6));
  CHECK(at::allclose(normalised{identity, {0.48, 0.45, 0.4}, {0.23, 0.22, 0.25}}(x), expected, 1e-6, 1e-6));
  CHECK(at::allclose(normalised{identity, at::tensor(mean), at::tensor(deviation)}(x), expected, 1e-6, 1e-6));
  CHECK(at::allclose(normalised{identity, 0.5, 2}(x), x.flatten(1).sub(0.5).div(2), 1e-6, 1e-6));
  CHECK(at::allclose(normalised{identity, 0.5, deviation}(x.select(3, 0)),
                     x.select(3, 0).sub(0.5).div(at::tensor(deviation).to(at::kFloat).view({3, 1})).flatten(1), 1e-6,
                     1e-6));
  for (const at::ScalarType type : {at::kDouble, at::kHalf}) {
    const at::Tensor found = normalised{identity, mean, deviation}(x.to(type));
    CHECK((found.scalar_type() == type));
    CHECK(largest(found.to(at::kFloat).sub(expected)) < 1e-2);
  }
}

TEST_CASE("normalised: an attack on it is the attack on a model that normalises inside") {
  const smooth_net net = smooth_net::make(12, 4, 7);
  const at::Tensor x = uniform({20, 3, 2, 2}, 2);
  const at::Tensor y = labels(20, 4, 3);
  const pgd attack{linf{0.1}, {.step = 0.02}};
  const auto inside = [&](const at::Tensor& point) {
    std::vector<at::Tensor> channels;
    for (std::size_t c = 0; c < 3; ++c) {
      channels.push_back(point.select(1, static_cast<std::int64_t>(c)).sub(mean[c]).div(deviation[c]));
    }
    return net(at::stack(channels, 1));
  };
  const normalised model{net, mean, deviation};
  const at::Tensor found = attack(model, x, y);
  CHECK(largest(found.sub(attack(inside, x, y))) < 1e-6);
  CHECK(largest(found.sub(x)) == doctest::Approx(0.1).epsilon(1e-5));
  const auto report = redoubt::robust_accuracy(attack, model, x, y);
  CHECK(report.robust_accuracy == redoubt::robust_accuracy(attack, inside, x, y).robust_accuracy);
}

TEST_CASE("normalised: inputs that are normalised already are refused, with what to do instead") {
  const smooth_net net = smooth_net::make(12, 4, 7);
  const at::Tensor x = by_hand(uniform({20, 3, 2, 2}, 2));
  CHECK_THROWS_WITH_AS((void)(pgd{linf{0.1}}(net, x, labels(20, 4, 3))),
                       doctest::Contains("normalise inside the model so that radii keep their unit "
                                         "(redoubt::normalised)"),
                       std::invalid_argument);
}

TEST_CASE("normalised: a module's parameters, buffers, modes and features are the adapter's") {
  const auto net = redoubt::testing::fragile_nn();
  const normalised model{net, 0.5, 0.25};
  CHECK(model.parameters().size() == net.parameters().size());
  CHECK(model.parameters()[0].is_same(net.parameters()[0]));
  CHECK(model.buffers().size() == net.buffers().size());
  model.train(false);
  CHECK(net.modes() == std::vector<bool>(5, false));
  const std::vector<bool> mixed{true, false, true, false, true};
  model.set_modes(mixed);
  CHECK(net.modes() == mixed);
  CHECK(model.modes() == mixed);

  redoubt::script_model script = redoubt::testing::fragile_script();
  script.train(false);
  const at::Tensor images = uniform({4, 1, 6, 6}, 1);
  CHECK(at::equal(*normalised{script, 0.5, 0.25}.features(images), *script.features(images.sub(0.5).div(0.25))));
}

TEST_CASE("normalised: evaluation runs the module in eval mode and leaves it as it was; attacks move no buffer") {
  auto net = redoubt::testing::fragile_nn();
  const normalised model{net, 0.5, 0.25};
  net.train(true);
  const auto modes = net.modes();
  std::vector<at::Tensor> buffers;
  for (const at::Tensor& buffer : net.buffers()) {
    buffers.push_back(buffer.clone());
  }
  const at::Tensor x = uniform({40, 6}, 1);
  const at::Tensor y = labels(40, 3, 2);
  const pgd attack{linf{0.1}, {.steps = 3}};
  (void)attack(model, x, y);
  const auto first = redoubt::robust_accuracy(attack, model, x, y);
  // Dropout and the batch's own statistics would make another accuracy of each batch size.
  const auto again = redoubt::robust_accuracy(attack, model, x, y, {.batch = 7});
  CHECK(at::equal(first.clean_correct, again.clean_correct));
  CHECK(net.modes() == modes);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    CHECK(at::equal(net.buffers()[i], buffers[i]));
  }
}

TEST_CASE("normalised: numbers and shapes that cannot be are named") {
  const auto identity = [](const at::Tensor& x) { return x; };
  const auto refused = [&](const redoubt::channel_statistic& given_mean,
                           const redoubt::channel_statistic& given_deviation, const char* message) {
    CHECK_THROWS_WITH_AS((void)(normalised{identity, given_mean, given_deviation}), message, std::invalid_argument);
  };
  refused(0.5, 0, "normalised: the standard deviation must be finite and positive, got 0");
  refused(0.5, {0.2, -0.1}, "normalised: the standard deviation must be finite and positive, got -0.1");
  refused(std::numeric_limits<double>::infinity(), 1, "normalised: the mean must be finite, got inf");
  refused({0.1, 0.2, 0.3}, {0.1, 0.2}, "normalised: the mean has 3 channels, the standard deviation 2");
  refused(std::vector<double>{}, 1, "normalised: mean and standard deviation need a number each");
  CHECK_THROWS_WITH_AS(redoubt::channel_statistic{at::ones({2, 2})},
                       "normalised: mean and standard deviation are a number, or one per channel [C]",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)(normalised{identity, mean, 1}(at::ones({2, 1, 4, 4}))),
                       "normalised: the mean has 3 channels, but the input is [2, 1, 4, 4]", std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)(normalised{identity, 0, deviation}(at::ones({2, 4}))),
                       "normalised: the standard deviation has 3 channels, but the input is [2, 4]",
                       std::invalid_argument);
}
