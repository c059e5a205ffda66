#include "monitor_metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace redoubt::program {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Collects families; every series has the model's name.
class collector {
 public:
  explicit collector(std::string model) : model_{std::move(model)} {}

  void add(const char* name, const char* help, double value, MetricType type = MetricType::Gauge) {
    family(name, help, type);
    series({}, value);
  }
  void family(const char* name, const char* help, MetricType type) { families_.push_back({name, help, type, {}}); }
  void series(const std::vector<std::pair<std::string, std::string>>& labels, double value) {
    ClientMetric metric;
    metric.label.push_back({"model_name", model_});
    for (const auto& [name, text] : labels) {
      metric.label.push_back({name, text});
    }
    metric.gauge.value = value;
    metric.counter.value = value;
    families_.back().metric.push_back(std::move(metric));
  }
  [[nodiscard]] std::string text() const { return prometheus::TextSerializer{}.Serialize(families_); }

 private:
  std::string model_;
  std::vector<MetricFamily> families_;
};

void add_counts(collector& to, const char* name, const char* help, const char* label,
                const std::map<std::string, std::int64_t>& counts) {
  to.family(name, help, MetricType::Counter);
  for (const auto& [kind, count] : counts) {
    to.series({{label, kind}}, static_cast<double>(count));
  }
}

// A bet's number as it is told apart by, the shortest that reads back the same.
std::string spelled(double lambda) {
  return nlohmann::json(lambda).dump();
}

}  // namespace

std::string monitor_metrics(const std::string& model, const monitor_figures& now,
                            const std::map<std::string, std::int64_t>& events, const event_sink::tally& sent) {
  collector to{model};
  to.add("redoubt_monitor_ready", "1 once the detectors are learnt for the model that serves", now.ready ? 1 : 0);
  add_counts(to, "redoubt_monitor_events_total", "Events that came, by kind", "kind", events);
  to.add("redoubt_monitor_requests_total", "Requests looked at", static_cast<double>(now.requests),
         MetricType::Counter);
  to.add("redoubt_monitor_queue", "Requests and labels that wait to be looked at", static_cast<double>(now.waiting));
  to.add("redoubt_monitor_skipped_total", "Requests that came faster than they could be looked at",
         static_cast<double>(now.skipped), MetricType::Counter);
  to.add("redoubt_monitor_duplicates_total", "Requests passed over as their id was known",
         static_cast<double>(now.duplicates), MetricType::Counter);
  add_counts(to, "redoubt_monitor_labels_total", "Labels that came, by what became of them", "result", now.labels);
  add_counts(to, "redoubt_monitor_alarms_total", "Alarms, by evidence", "evidence",
             {{"labelled", now.labelled.alarms},
              {"label_free", now.label_free.alarms},
              {"two_sample", now.two_sample.alarms}});
  to.family("redoubt_monitor_statistic", "What a detector watches, by evidence", MetricType::Gauge);
  to.series({{"evidence", "labelled"}}, now.labelled.statistic);
  to.series({{"evidence", "label_free"}}, now.label_free.statistic);
  to.series({{"evidence", "two_sample"}}, now.two_sample.statistic);
  to.family("redoubt_monitor_threshold", "Where it alarms: above, of the two-sample p-value below", MetricType::Gauge);
  to.series({{"evidence", "labelled"}}, now.labelled.threshold);
  to.series({{"evidence", "label_free"}}, now.label_free.threshold);
  to.series({{"evidence", "two_sample"}}, now.two_sample.threshold);
  to.add("redoubt_monitor_error_limit", "The largest error rate that is still in order", now.error_limit);
  if (now.error_rate) {
    to.add("redoubt_monitor_error_rate", "Of the newest labels", *now.error_rate);
  }
  to.add("redoubt_monitor_run_length", "Labels until a false alarm, on average, as promised", now.run_length);
  to.family("redoubt_log_evidence_sum",
            "Sum over labels of log(1 + lambda (error - limit)); add up over replicas for the pooled e-CUSUM",
            MetricType::Gauge);
  for (std::size_t k = 0; k < now.log_evidence.size(); ++k) {
    to.series({{"lambda", spelled(now.lambdas[k])}, {"incarnation", now.incarnation}}, now.log_evidence[k]);
  }
  to.add("redoubt_monitor_degradations_total", "Degradations reported", static_cast<double>(now.reported),
         MetricType::Counter);
  to.add("redoubt_monitor_retraining_in_flight", "1 from a report until its retraining has ended",
         now.retraining_in_flight ? 1 : 0);
  to.add("redoubt_monitor_events_sent_total", "Events that the sink has taken", static_cast<double>(sent.delivered),
         MetricType::Counter);
  to.add("redoubt_monitor_events_waiting", "Events on their way to the sink", static_cast<double>(sent.waiting));
  return to.text();
}

}  // namespace redoubt::program
