// How long it takes until a fall of accuracy is noticed, by one monitor, and by several that share the traffic: each
// with an alarm of its own on what it sees, and all together through the sums that they export (docs/monitoring.md).
//
// Simulated: every replica reads one label a second. The pooled evidence is looked at every 15 s, as Prometheus does.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <redoubt/core/philox.hpp>
#include <redoubt/drift/e_detector.hpp>
#include <vector>

namespace {

constexpr double healthy_rate = 0.10;
constexpr double limit = 0.12;
constexpr double run_length = 1e6;
constexpr int healthy_seconds = 600;
constexpr int longest = 20000;
constexpr int interval = 15;
constexpr int runs = 100;

struct delays {
  double own;     // s until the first of the replicas raises its own alarm
  double pooled;  // s until the pooled alarm is seen
};

// One stream a replica; the error rate goes from the healthy one to `rate`.
delays simulate(int replicas, double rate, std::uint64_t seed) {
  redoubt::philox_sequence random{seed, static_cast<std::uint64_t>(replicas)};
  const redoubt::e_sr model{{.healthy = limit, .run_length = run_length}};
  std::vector<redoubt::e_sr> own(static_cast<std::size_t>(replicas), model);
  const std::vector<double>& lambdas = model.options().lambdas;
  std::vector<double> evidence(lambdas.size(), 0.0);  // log e-CUSUM of the pooled stream, as the recording rule has it
  delays found{-1, -1};
  for (int t = 0; t < healthy_seconds + longest; ++t) {
    const double chance = t < healthy_seconds ? healthy_rate : rate;
    int errors = 0;
    for (redoubt::e_sr& each : own) {
      const bool wrong = random.uniform() < chance;
      errors += wrong ? 1 : 0;
      if (found.own < 0 && each.update(wrong ? 1 : 0) == redoubt::alarm::drift && t >= healthy_seconds) {
        found.own = t + 1 - healthy_seconds;
      }
    }
    double mean = 0;
    for (std::size_t k = 0; k < lambdas.size(); ++k) {
      evidence[k] +=
          errors * std::log1p(lambdas[k] * (1 - limit)) + (replicas - errors) * std::log1p(-lambdas[k] * limit);
      mean += std::exp(std::min(evidence[k], 700.0)) / static_cast<double>(lambdas.size());
    }
    if ((t + 1) % interval == 0) {
      if (found.pooled < 0 && mean >= run_length && t >= healthy_seconds) {
        found.pooled = t + 1 - healthy_seconds;
      }
      for (double& each : evidence) {
        each = std::max(each, 0.0);  // it may begin anew at each look
      }
    }
    if (found.own >= 0 && found.pooled >= 0) {
      break;
    }
  }
  return found;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main() {
  std::printf(
      "Healthy errors %.2f, limit %.2f, run length %g; %d runs each, median seconds after the change, seeds 1 to 100\n",
      healthy_rate, limit, run_length, runs);
  std::printf("%9s %11s %18s %14s\n", "replicas", "error rate", "first of its own", "pooled");
  for (const double rate : {0.16, 0.20, 0.40, 0.90}) {
    for (const int replicas : {1, 4, 1000}) {
      std::vector<double> own;
      std::vector<double> pooled;
      for (int run = 0; run < runs; ++run) {
        const delays found = simulate(replicas, rate, static_cast<std::uint64_t>(run) + 1);
        own.push_back(found.own < 0 ? INFINITY : found.own);
        pooled.push_back(found.pooled < 0 ? INFINITY : found.pooled);
      }
      std::printf("%9d %11.2f %18.0f %14.0f\n", replicas, rate, median(own), median(pooled));
    }
  }
}
