#include <benchmark/benchmark.h>

#include <cstdint>
#include <redoubt/drift/adwin.hpp>
#include <redoubt/drift/cusum.hpp>
#include <redoubt/drift/ddm.hpp>
#include <redoubt/drift/e_detector.hpp>
#include <redoubt/drift/eddm.hpp>
#include <redoubt/drift/hddm_a.hpp>
#include <redoubt/drift/hddm_w.hpp>
#include <redoubt/drift/ks_test.hpp>
#include <redoubt/drift/page_hinkley.hpp>
#include <vector>

// Updates a second of each detector over 20,000 values, alarms and what follows them included. peers/drift_river.py
// feeds the same values to river: keep its generator and these two streams in step.

namespace {

std::vector<double> uniforms(int count) {
  std::vector<double> values;
  for (std::uint64_t state = 1; static_cast<int>(values.size()) < count;) {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15U);  // splitmix64
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    values.push_back(static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53);
  }
  return values;
}

/// One value in ten is a one.
std::vector<double> bits(int count) {
  std::vector<double> values = uniforms(count);
  for (double& value : values) {
    value = value < 0.1 ? 1 : 0;
  }
  return values;
}

template <class Detector>
void updates(benchmark::State& state, Detector detector, std::vector<double> (*stream)(int)) {
  const std::vector<double> values = stream(20000);
  for ([[maybe_unused]] auto _ : state) {
    detector.reset();
    for (const double value : values) {
      benchmark::DoNotOptimize(detector.update(value));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values.size()));
}

void ks_test_exact(benchmark::State& state) {
  const auto size = static_cast<int>(state.range(0));
  const std::vector<double> x = uniforms(size);
  const std::vector<double> y = uniforms(2 * size);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(redoubt::ks_test(x, y, {.method = redoubt::ks_method::exact}));
  }
}

}  // namespace

BENCHMARK_CAPTURE(updates, ddm, redoubt::ddm{}, bits);
BENCHMARK_CAPTURE(updates, eddm, redoubt::eddm{}, bits);
BENCHMARK_CAPTURE(updates, page_hinkley, redoubt::page_hinkley{}, bits);
BENCHMARK_CAPTURE(updates, cusum, redoubt::cusum{}, bits);
BENCHMARK_CAPTURE(updates, hddm_a, redoubt::hddm_a{}, bits);
BENCHMARK_CAPTURE(updates, hddm_w, redoubt::hddm_w{}, bits);
BENCHMARK_CAPTURE(updates, e_sr, redoubt::e_sr{{.healthy = 0.12}}, bits);
BENCHMARK_CAPTURE(updates, e_cusum, redoubt::e_cusum{{.healthy = 0.12}}, bits);
BENCHMARK_CAPTURE(updates, adwin, redoubt::adwin{}, bits);
BENCHMARK_CAPTURE(updates, adwin_uniform, redoubt::adwin{}, uniforms);
BENCHMARK_CAPTURE(updates, adwin_clock_1, redoubt::adwin{{.clock = 1}}, bits);
BENCHMARK(ks_test_exact)->Arg(100)->Arg(1000);
