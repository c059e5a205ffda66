#include "serve_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <redoubt/core/version.hpp>

namespace redoubt::program {
namespace {

const prometheus::Histogram::BucketBoundaries seconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                      0.1,    0.25,  0.5,    1,     2.5,  5,     10};
const prometheus::Histogram::BucketBoundaries sizes{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

}  // namespace

struct serve_metrics::state {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Histogram& reading;
  prometheus::Histogram& inferring;
  prometheus::Histogram& writing;
  prometheus::Histogram& batch;
  prometheus::Gauge& waiting;
  prometheus::Gauge& version;
  prometheus::Counter& swaps;
  prometheus::Counter& refused_swaps;

  explicit state(const prometheus::Labels& model)
      : requests{prometheus::BuildCounter()
                     .Name("redoubt_requests_total")
                     .Help("Inference requests answered, by HTTP status")
                     .Labels(model)
                     .Register(*registry)},
        reading{histogram("request_preprocess_seconds", "Seconds to read an inference request", model, seconds)},
        inferring{histogram("request_predict_seconds", "Seconds in the queue and the model", model, seconds)},
        writing{histogram("request_postprocess_seconds", "Seconds to write an answer", model, seconds)},
        batch{histogram("redoubt_batch_samples", "Samples inferred at once", model, sizes)},
        waiting{gauge("redoubt_queue_samples", "Samples that wait for the model", model)},
        version{gauge("redoubt_model_version", "Which edition of the model file serves, from 1", model)},
        swaps{counter("redoubt_model_swaps_total", "Model files taken in while serving", model)},
        refused_swaps{
            counter("redoubt_model_swaps_refused_total", "Model files that did not load or failed to infer", model)} {}

  prometheus::Histogram& histogram(const char* name, const char* help, const prometheus::Labels& model,
                                   const prometheus::Histogram::BucketBoundaries& bounds) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry).Add(model, bounds);
  }
  prometheus::Gauge& gauge(const char* name, const char* help, const prometheus::Labels& model) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(*registry).Add(model);
  }
  prometheus::Counter& counter(const char* name, const char* help, const prometheus::Labels& model) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(*registry).Add(model);
  }
};

serve_metrics::serve_metrics(const std::string& model)
    : state_{std::make_unique<state>(prometheus::Labels{{"model_name", model}})} {
  prometheus::BuildGauge()
      .Name("redoubt_build_info")
      .Help("1, with the version of redoubt")
      .Register(*state_->registry)
      .Add({{"version", version}})
      .Set(1);
  state_->version.Set(1);
}

serve_metrics::~serve_metrics() = default;

void serve_metrics::answered(int status) {
  state_->requests.Add({{"code", std::to_string(status)}}).Increment();
}

void serve_metrics::took(double reading, double inferring, double writing) {
  state_->reading.Observe(reading);
  state_->inferring.Observe(inferring);
  state_->writing.Observe(writing);
}

void serve_metrics::inferred(double samples) {
  state_->batch.Observe(samples);
}

void serve_metrics::waits(double samples) {
  state_->waiting.Set(samples);
}

void serve_metrics::swapped(bool done, double edition) {
  (done ? state_->swaps : state_->refused_swaps).Increment();
  state_->version.Set(edition);
}

std::string serve_metrics::text() const {
  return prometheus::TextSerializer{}.Serialize(state_->registry->Collect());
}

}  // namespace redoubt::program
