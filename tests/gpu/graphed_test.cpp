// Attacks as CUDA graphs beside the same attacks step by step.

#include <redoubt/cuda/graphed.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <string>

#include "../models.hpp"

using redoubt::graphed;
using redoubt::pgd;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::uniform;

namespace {

struct task {
  smooth_net net = smooth_net::make(12, 4, 3);
  at::Tensor x = uniform({64, 12}, 5).cuda();
  at::Tensor y;

  task() {
    for (at::Tensor* parameter : {&net.w1, &net.b1, &net.w2, &net.b2}) {
      *parameter = parameter->detach().cuda().requires_grad_();
    }
    y = predictions(net, x);
  }
};

}  // namespace

TEST_CASE("gpu: a graph gives what the steps give, and a replay draws new starts") {
  task t;
  for (const bool random : {false, true}) {
    CAPTURE(random);
    const pgd attack{redoubt::linf{0.1}, {.step = 0.02, .steps = 12, .random_start = random, .restarts = 3}};
    auto fast = graphed(attack, t.net);
    const redoubt::attack_result expected = attack.run(t.net, t.x, t.y);
    for (int call = 0; call < 2; ++call) {
      const redoubt::attack_result found = fast.run(t.x, t.y);
      CHECK(fast.why_not_graphed() == "");
      CHECK(at::equal(found.fooled, expected.fooled));
      CHECK(at::allclose(found.adversarial, expected.adversarial, 0, 1e-5));
    }
  }
  pgd attack{redoubt::l2{0.3}, {.step = 0.0, .steps = 1}};
  auto fast = graphed(attack, t.net);
  const at::Tensor rows = at::arange(64, t.y.options());
  CHECK_FALSE(at::equal(fast(t.x, t.y, rows), fast(t.x, t.y, rows.add(64))));
}

TEST_CASE("gpu: a model that asks for a number is attacked step by step, and the device stays usable") {
  task t;
  const auto asks = [&](const at::Tensor& x) { return x.sum().item<float>() > 1e9F ? t.net(x).neg() : t.net(x); };
  const pgd attack{redoubt::linf{0.1}, {.step = 0.02, .steps = 6}};
  auto fast = graphed(attack, asks);
  const at::Tensor expected = attack(asks, t.x, t.y);
  CHECK(at::equal(fast(t.x, t.y), expected));
  CHECK(fast.why_not_graphed().find("cannot be captured") != std::string::npos);
  CHECK(at::equal(graphed(attack, t.net)(t.x, t.y), expected));
}
