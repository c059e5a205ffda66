// PGD-40 over linf on a GPU: redoubt's, the same as CUDA graphs, and torchattacks' operations in its order, in turn.
//
// `times_torchattacks` is how often faster than those operations from C++, which Python's own time comes on top of:
// benchmarks/peers/attack_torchattacks.py times torchattacks itself on the same networks. All on the host's clock, the
// GPU's work done.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <redoubt/attack/pgd.hpp>
#include <redoubt/cuda/graphed.hpp>
#include <redoubt/model/module.hpp>
#include <redoubt/norm/linf.hpp>
#include <vector>

#include "device.hpp"
#include "nets.hpp"
#include "timing.hpp"

namespace {

constexpr int steps = 40;
constexpr double radius = 8.0 / 255;
constexpr double length = 2.0 / 255;

struct problem {
  std::shared_ptr<nets::net> net;
  at::Tensor x, y;

  problem(std::shared_ptr<nets::net> made, std::int64_t batch) : net{std::move(made)} {
    net->to(at::kCUDA);
    net->eval();
    const at::Tensor rows = at::arange(batch, at::kLong);
    x = redoubt::uniform_like(at::empty({batch, 3, 32, 32}), rows, {.seed = 1}).cuda();
    y = rows.remainder(10).cuda();
  }
};

// torchattacks 3.5.1, attacks/pgd.py: these operations in this order.
at::Tensor torchattacks_pgd(const problem& p) {
  at::Tensor point = p.x.add(at::empty_like(p.x).uniform_(-radius, radius)).clamp(0, 1).detach();
  for (int step = 0; step < steps; ++step) {
    point.requires_grad_();
    const at::Tensor loss = at::cross_entropy_loss(p.net->forward(point), p.y);
    const at::Tensor gradient = torch::autograd::grad({loss}, {point})[0];
    const at::Tensor moved = point.detach().add(gradient.sign().mul(length));
    const at::Tensor d = moved.sub(p.x).clamp(-radius, radius);
    point = p.x.add(d).clamp(0, 1).detach();
  }
  return point;
}

template <class Work>
double host_seconds(const Work& work) {
  at::cuda::getCurrentCUDAStream().synchronize();
  return seconds([&] {
    benchmark::DoNotOptimize(work());
    at::cuda::getCurrentCUDAStream().synchronize();
  });
}

void pgd_40(benchmark::State& state, std::shared_ptr<nets::net> (*make)(), bool as_graphs) {
  const problem p{make(), state.range(0)};
  // As torchattacks: the last point, and nobody dropped.
  const redoubt::pgd attack{redoubt::linf{radius}, {.step = length, .steps = steps, .keep = redoubt::iterate::last}};
  redoubt::nn_model model{p.net};
  auto graphs = redoubt::graphed(attack, model);
  const auto own = [&] { return as_graphs ? graphs(p.x, p.y) : attack(model, p.x, p.y); };
  for (int i = 0; i < 2; ++i) {
    own();
    torchattacks_pgd(p);
  }
  if (as_graphs && !graphs.why_not_graphed().empty()) {
    state.SkipWithError(graphs.why_not_graphed().c_str());
    return;
  }
  std::vector<double> times;
  for ([[maybe_unused]] auto _ : state) {
    const double mine = host_seconds(own);
    times.push_back(host_seconds([&] { return torchattacks_pgd(p); }) / mine);
    state.SetIterationTime(mine);
  }
  state.counters["times_torchattacks"] = median(times);
}

void batches(benchmark::internal::Benchmark* b) {
  b->ArgName("N")->Arg(1)->Arg(32)->Arg(128)->Arg(256)->Arg(1024);
  b->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(pgd_40, small_cnn, nets::small_cnn, false)->Apply(batches);
BENCHMARK_CAPTURE(pgd_40, small_cnn_graphed, nets::small_cnn, true)->Apply(batches);
BENCHMARK_CAPTURE(pgd_40, resnet_18, nets::resnet_18, false)->Apply(batches);
BENCHMARK_CAPTURE(pgd_40, resnet_18_graphed, nets::resnet_18, true)->Apply(batches);
BENCHMARK_CAPTURE(pgd_40, wide_resnet_28_10, nets::wide_resnet_28_10, false)->Apply(batches);
BENCHMARK_CAPTURE(pgd_40, wide_resnet_28_10_graphed, nets::wide_resnet_28_10, true)->Apply(batches);

}  // namespace

int main(int argc, char** argv) {
  return run_on_device(argc, argv);
}
