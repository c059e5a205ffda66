// What `graphed` makes of an attack, with a graph that the host can replay: no device is needed.

#include <redoubt/cuda/detail/graphed_pgd.hpp>

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <redoubt/attack/momentum.hpp>
#include <redoubt/attack/start.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../models.hpp"

using redoubt::iterate;
using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::pgd;
using redoubt::pgd_options;
using redoubt::testing::count;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::uniform;

namespace {

// A graph of the host: it remembers what to do, and does it again. Batches that were replayed are counted.
struct host_graph {
  inline static int captures = 0;
  inline static int replays = 0;
  std::function<void()> body;

  static bool fits(const at::Device& /*device*/) { return true; }

  template <class Body>
  void capture(const Body& work) {
    ++captures;
    work();
    body = work;
  }
  void replay() const {
    ++replays;
    body();
  }
};

// One that no body can be captured by, like one that waits for the device.
struct refusing_graph : host_graph {
  template <class Body>
  void capture(const Body& /*work*/) {
    throw std::runtime_error("operation not permitted when stream is capturing");
  }
};

template <class Graph = host_graph, class Ball, class Rule, class Model>
redoubt::cuda::detail::graphed_pgd<Ball, Rule, Model, Graph> graphed(pgd<Ball, Rule> attack, Model& model) {
  host_graph::captures = host_graph::replays = 0;
  return {std::move(attack), model};
}

struct task {
  smooth_net net = smooth_net::make(12, 4, 3);
  at::Tensor x = uniform({40, 12}, 5).to(at::kDouble);  // so that no rounding of another batch's size decides
  at::Tensor y = predictions(net, x);

  [[nodiscard]] at::Tensor fooled(const at::Tensor& adversarial) const { return predictions(net, adversarial).ne(y); }
};

template <class Ball, class Rule = redoubt::constant_step>
void check_equal(const Ball& ball, const pgd_options& options, const Rule& rule = {}) {
  task t;
  const pgd<Ball, Rule> attack{ball, options, rule};
  const redoubt::attack_result expected = attack.run(t.net, t.x, t.y);
  auto fast = graphed(attack, t.net);
  for (int call = 0; call < 2; ++call) {
    const redoubt::attack_result found = fast.run(t.x, t.y);
    CHECK(fast.why_not_graphed().empty());
    CHECK(at::equal(found.adversarial, expected.adversarial));
    CHECK(at::equal(found.zero_gradient, expected.zero_gradient));
    CHECK(found.fooled.defined() == expected.fooled.defined());
    if (expected.fooled.defined()) {
      CHECK(at::equal(found.fooled, expected.fooled));
    }
  }
  CHECK(host_graph::replays >= 2);
  CHECK(host_graph::captures <= host_graph::replays / 2);
}

// Keeps a weight per sample.
struct weighted_loss {
  at::Tensor weights;
  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    return redoubt::cross_entropy{}(logits, y).mul(weights);
  }
  [[nodiscard]] weighted_loss at(const at::Tensor& rows) const { return {weights.index_select(0, rows)}; }
};

struct warnings : c10::WarningHandler {
  std::vector<std::string> said;
  void process(const c10::Warning& warning) override { said.push_back(warning.msg()); }
};

}  // namespace

TEST_CASE("graphed: gives what the attack gives, bit by bit, call after call") {
  check_equal(linf{0.1}, {.step = 0.02, .steps = 12});
  check_equal(linf{0.1}, {.step = 0.02, .steps = 12, .keep = iterate::last});
  check_equal(l2{0.3}, {.step = 0.06, .steps = 12, .random_start = false});
}

TEST_CASE("graphed: an attack in shrinking balls and a rule that remembers are graphs, too") {
  check_equal(l1{0.5}, {.step = 0.2, .steps = 20});
  check_equal(linf{0.1}, {.step = 0.02, .steps = 12}, redoubt::momentum{});
}

TEST_CASE("graphed: later restarts attack the survivors from starts of their own") {
  task t;
  const pgd attack{linf{0.05}, {.step = 0.01, .steps = 5, .restarts = 4}};
  const redoubt::attack_result expected = attack.run(t.net, t.x, t.y);
  REQUIRE(count(expected.fooled) > count(pgd{linf{0.05}, {.step = 0.01, .steps = 5}}.run(t.net, t.x, t.y).fooled));
  auto fast = graphed(attack, t.net);
  const redoubt::attack_result found = fast.run(t.x, t.y);
  CHECK(at::equal(found.fooled, expected.fooled));
  CHECK(at::allclose(found.adversarial, expected.adversarial, 0, 1e-9));
  CHECK(host_graph::replays == 4);
}

TEST_CASE("graphed: dropping whom ten steps have fooled changes no outcome and takes smaller graphs") {
  task t;
  pgd attack{linf{0.1}, {.step = 0.005, .steps = 40}};
  const redoubt::attack_result expected = attack.run(t.net, t.x, t.y);
  attack.options.drop_fooled = true;
  auto fast = graphed(attack, t.net);
  const redoubt::attack_result found = fast.run(t.x, t.y);
  CHECK(at::equal(found.fooled, expected.fooled));
  CHECK(at::equal(t.fooled(found.adversarial), expected.fooled));
  CHECK(found.adversarial.sub(t.x).abs().max().item<double>() <= 0.1 + 1e-12);
  CHECK(host_graph::captures > 1);
  CHECK(host_graph::captures <= 4);
}

TEST_CASE("graphed: a smaller batch goes through a graph that was made for more") {
  task t;
  const pgd attack{linf{0.1}, {.step = 0.02, .steps = 6}};
  auto fast = graphed(attack, t.net);
  static_cast<void>(fast(t.x, t.y));
  const int before = host_graph::captures;
  for (const std::int64_t samples : {39, 21, 40}) {
    CAPTURE(samples);
    const at::Tensor x = t.x.narrow(0, 0, samples);
    const at::Tensor y = t.y.narrow(0, 0, samples);
    CHECK(at::allclose(fast(x, y), attack(t.net, x, y), 0, 1e-9));
    CHECK(host_graph::captures == before);
  }
  CHECK(fast(t.x.narrow(0, 0, 0), t.y.narrow(0, 0, 0)).size(0) == 0);
}

TEST_CASE("graphed: parameters may change in place between calls") {
  task t;
  const pgd attack{linf{0.1}, {.step = 0.02, .steps = 6}};
  auto fast = graphed(attack, t.net);
  static_cast<void>(fast(t.x, t.y));
  t.net.w1.data().mul_(-0.5);
  CHECK(at::equal(fast(t.x, t.y), attack(t.net, t.x, t.y)));
}

TEST_CASE("graphed: what cannot be captured is queued one by one, and said once") {
  task t;
  warnings heard;
  const c10::WarningUtils::WarningHandlerGuard listening{&heard};
  const pgd attack{linf{0.1}, {.step = 0.02, .steps = 6}};
  auto fast = graphed<refusing_graph>(attack, t.net);
  CHECK(at::equal(fast(t.x, t.y), attack(t.net, t.x, t.y)));
  CHECK(at::equal(fast(t.x, t.y), attack(t.net, t.x, t.y)));
  REQUIRE(heard.said.size() == 1);
  CHECK(heard.said[0].find("operation not permitted when stream is capturing") != std::string::npos);
  CHECK(fast.why_not_graphed().find("cannot be captured") != std::string::npos);

  const pgd each{linf{at::full({40}, 0.1)}, {.step = 0.02, .steps = 6}};
  auto slow = graphed(each, t.net);
  CHECK(at::equal(slow(t.x, t.y), each(t.net, t.x, t.y)));
  REQUIRE(heard.said.size() == 2);
  CHECK(heard.said[1].find("a graph cannot hold radii or steps per sample") != std::string::npos);

  const pgd weighted{linf{0.1}, {.step = 0.02, .steps = 6, .loss = weighted_loss{at::ones({40}, at::kDouble)}}};
  auto also_slow = graphed(weighted, t.net);
  CHECK(at::equal(also_slow(t.x, t.y), weighted(t.net, t.x, t.y)));
  CHECK(also_slow.why_not_graphed() == "a graph cannot hold a loss that keeps something per sample");

  // A later restart is of those that stand, whom such a start must follow; the first is of all.
  for (const int restarts : {1, 2}) {
    const pgd from{linf{0.1},
                   {.step = 0.02, .steps = 6, .restarts = restarts, .start = redoubt::start_at{t.x.add(0.05)}}};
    auto begun = graphed(from, t.net);
    CHECK(at::equal(begun(t.x, t.y), from(t.net, t.x, t.y)));
    CHECK(begun.why_not_graphed() ==
          (restarts == 1 ? "" : "a graph cannot hold restarts from a start that keeps something per sample"));
  }
}

TEST_CASE("graphed: refuses what the attack refuses, in its words") {
  task t;
  auto fast = graphed(pgd{linf{0.1}}, t.net);
  CHECK_THROWS_WITH_AS(static_cast<void>(fast(t.x.add(1), t.y)), doctest::Contains("must lie in the box"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(static_cast<void>(fast(t.x, t.y.add(4))), doctest::Contains("labels must lie in [0, 4)"),
                       std::invalid_argument);
}
