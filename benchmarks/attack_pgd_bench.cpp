// PGD against its floor: forward passes and input gradients alone, at the same shapes, on the demo's network.
// The attack buys the projection, the best iterate and one more look; the floor is what no attack can go below.

#include <benchmark/benchmark.h>

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <ATen/Parallel.h>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/linf.hpp>
#include <vector>

#include "fashion_net.hpp"
#include "memory.hpp"
#include "timing.hpp"

namespace {

constexpr std::int64_t batch = 256;
constexpr int steps = 40;

struct problem {
  redoubt::script_model model = redoubt::program::make_fashion_net(1);
  at::Tensor x = redoubt::uniform_like(torch::empty({batch, 1, 28, 28}), torch::arange(batch), {.seed = 2});
  at::Tensor y = torch::arange(batch).remainder(10);

  problem() {
    at::set_num_threads(1);
    redoubt::program::keep_freed_memory();  // else both sides wait for pages, and chance says which of them for more
    model.train(false);
    for (const at::Tensor& parameter : model.parameters()) {
      parameter.requires_grad_(false);
    }
  }
};

void floor_steps(const problem& p) {
  for (int i = 0; i < steps; ++i) {
    at::Tensor point = p.x.detach().clone().requires_grad_();
    const at::Tensor loss = redoubt::cross_entropy{}(p.model(point), p.y).sum();
    benchmark::DoNotOptimize(torch::autograd::grad({loss}, {point})[0]);
  }
}

void attack_steps(const problem& p) {
  const redoubt::pgd attack{redoubt::linf{.radius = 0.1}, {.step = 0.01, .steps = steps}};
  benchmark::DoNotOptimize(attack(p.model, p.x, p.y));
}

// Both in turn within one run, so that what else the machine does falls on both: the median of the pairs' ratios.
void pgd_40_over_its_floor(benchmark::State& state) {
  const problem p;
  floor_steps(p);
  attack_steps(p);
  std::vector<double> ratios;
  for ([[maybe_unused]] auto _ : state) {
    const double floor = seconds([&] { floor_steps(p); });
    const double attack = seconds([&] { attack_steps(p); });
    ratios.push_back(attack / floor);
    state.SetIterationTime(attack);
  }
  state.counters["ratio_to_floor"] = median(ratios);
}
BENCHMARK(pgd_40_over_its_floor)->UseManualTime()->Iterations(21)->Unit(benchmark::kMillisecond);

}  // namespace
