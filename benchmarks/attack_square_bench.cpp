// Square against its floor: the queries alone, at the same shapes, on the demo's network. What is over it is the
// proposals, the judging and the keeping.

#include <benchmark/benchmark.h>

#include <torch/types.h>

#include <ATen/Parallel.h>
#include <redoubt/attack/square.hpp>
#include <vector>

#include "fashion_net.hpp"
#include "timing.hpp"

namespace {

constexpr int queries = 200;

// Time in the model and time in all, within one run: what else the machine does falls on both. The median of the runs.
template <class Ball>
void square_over_its_queries(benchmark::State& state, const Ball& ball) {
  at::set_num_threads(1);
  const auto model = redoubt::program::make_fashion_net(1);
  model.train(false);
  const at::Tensor rows = torch::arange(state.range(0));
  const at::Tensor x = redoubt::uniform_like(torch::empty({state.range(0), 1, 28, 28}), rows, {.seed = 2});
  // Lifted out of reach, so that every sample is asked of every time.
  const at::Tensor y = torch::zeros({state.range(0)}, torch::kLong);
  const at::Tensor lift = torch::zeros({10});
  lift[0] = 100;
  double in_model = 0;
  const auto timed = [&](const at::Tensor& points) {
    at::Tensor logits;
    in_model += seconds([&] { logits = model(points); });
    return logits.add_(lift);
  };
  const redoubt::square attack{ball, {.queries = queries}};
  std::vector<double> ratios;
  std::vector<double> over;
  for ([[maybe_unused]] auto _ : state) {
    in_model = 0;
    const double all = seconds([&] { benchmark::DoNotOptimize(attack(timed, x, y)); });
    ratios.push_back(all / in_model);
    over.push_back((all - in_model) / queries * 1e6);
  }
  state.counters["ratio_to_queries"] = median(ratios);
  state.counters["us_over_a_query"] = median(over);
}
BENCHMARK_CAPTURE(square_over_its_queries, linf, redoubt::linf{.radius = 0.1})->Arg(350)->Arg(50)->Iterations(7);
BENCHMARK_CAPTURE(square_over_its_queries, l2, redoubt::l2{.radius = 1.5})->Arg(350)->Arg(50)->Iterations(7);
BENCHMARK_CAPTURE(square_over_its_queries, l1, redoubt::l1{.radius = 12})->Arg(350)->Arg(50)->Iterations(7);

}  // namespace
