#include "monitor_service.hpp"

#include "bounded_json.hpp"
#include "logged_request.hpp"
#include "lower_case.hpp"
#include "monitor_metrics.hpp"
#include "monitor_state.hpp"
#include "oip_samples.hpp"

#include <redoubt/core/detail/fnv1a.hpp>
#include <redoubt/core/error.hpp>
#include <utility>
#include <vector>

namespace redoubt::program {
namespace {

using nlohmann::json;

http_headers headers_of(const httplib::Request& request) {
  http_headers headers;
  for (const auto& [name, value] : request.headers) {
    headers[lower_case(name)] = value;
  }
  return headers;
}

}  // namespace

bool replica_share::keeps(const std::string& id) const {
  return redoubt::detail::fnv1a(id) % replicas == replica;
}

monitor_service::monitor_service(degradation_monitor& monitor, const event_sink& sink, served_model& model,
                                 replica_share share)
    : monitor_{monitor}, sink_{sink}, model_{model}, share_{share} {}

void monitor_service::add_events(httplib::Server& routes) {
  const auto post = [&](const char* route, auto work) {
    routes.Post(
        route, [work](const httplib::Request& request, httplib::Response& to, const httplib::ContentReader& read) {
          guarded([&](const auto& asked, auto& answered) { answer(answered, work(asked, body_of(asked, read))); })(
              request, to);
        });
  };
  post("/", [this](const httplib::Request& request, const std::string& body) {
    return take_events(headers_of(request), body);
  });
  post("/labels", [this](const httplib::Request&, const std::string& body) { return take_labels(body); });
  routes.Get("/status", guarded([this](const auto&, auto& to) { answer(to, status()); }));
}

void monitor_service::add_probes(httplib::Server& routes) {
  routes.Get("/healthz", guarded([](const auto&, auto& to) { answer(to, {{"live", true}}); }));
  routes.Get("/readyz", guarded([this](const auto&, auto& to) {
               const monitor_figures now = monitor_.figures();
               json body = {{"ready", now.ready}};
               if (!now.trouble.empty()) {
                 body["error"] = now.trouble;
               }
               answer(to, body, now.ready ? 200 : 503);
             }));
  routes.Get("/metrics", guarded([this](const auto&, auto& to) { to.set_content(metrics_text(), metrics_type); }));
}

void monitor_service::count(const std::string& kind) {
  const std::scoped_lock lock{mutex_};
  ++events_[kind];
}

json monitor_service::take_events(const http_headers& headers, const std::string& body) {
  std::size_t known = 0;
  std::vector<cloud_event> events;
  try {
    events = read_cloud_events(headers, body);
    for (const cloud_event& event : events) {
      known += take(event) ? 1 : 0;
    }
  } catch (const std::invalid_argument&) {
    count("unreadable");
    throw;
  }
  return {{"taken", known}, {"passed_over", events.size() - known}};
}

json monitor_service::take_labels(const std::string& body) {
  const json given = parse_bounded(body, "the body");
  const json labels = given.is_array() ? given : json::array({given});
  for (const json& label : labels) {
    take_label(label);
  }
  return {{"taken", labels.size()}};
}

bool monitor_service::take(const cloud_event& event) {
  if (event.type == logged_request_type) {
    take_request(event);
    count("request");
  } else if (event.type == logged_response_type) {
    count("response");  // the monitor infers itself
  } else if (event.type == "io.redoubt.label") {
    take_label(parse_bounded(event.data, "the event's data"));
    count("label");
  } else if (event.type == "io.redoubt.retraining.finished") {
    monitor_.retraining_finished();
    count("retraining");
  } else {
    count("unknown");
    return false;
  }
  return true;
}

void monitor_service::take_request(const cloud_event& event) {
  if (!share_.keeps(event.id)) {
    return;
  }
  const at::Tensor x = samples_of(read_logged_request(event), model_.sample());
  // A full queue is not the sender's to mend: what is passed over is counted, and the sender is not asked to repeat it.
  static_cast<void>(monitor_.see_request(event.id, x, /*once=*/true));
}

void monitor_service::take_label(const json& label) {
  require(label.is_object() && label.contains("id") && label.contains("label"),
          R"(a label must be {"id": "...", "label": 3}, got )",
          label.dump(-1, ' ', false, json::error_handler_t::replace));
  const json& id = label.at("id");
  require(id.is_string(), "a label's id must be a string, got ", id.dump());
  const json& given = label.at("label");
  std::vector<std::int64_t> values;
  for (const json& each : given.is_array() ? given : json::array({given})) {
    require(each.is_number_integer() && each >= 0, "a label must be a class number from 0, got ", each.dump());
    values.push_back(each.get<std::int64_t>());
  }
  const std::string key = id.get<std::string>();
  if (share_.keeps(key) && !monitor_.see_labels(key, std::move(values))) {
    throw too_busy("the queue is full; send the label again");
  }
}

std::map<std::string, std::int64_t> monitor_service::events() const {
  const std::scoped_lock lock{mutex_};
  return events_;
}

std::string monitor_service::metrics_text() const {
  return monitor_metrics(monitor_.options().name, monitor_.figures(), events(), sink_.figures());
}

json monitor_service::status() const {
  const monitor_figures now = monitor_.figures();
  const event_sink::tally sent = sink_.figures();
  return {{"model", monitor_.options().name},
          {"model_version", now.model_version},
          {"model_digest", now.model_digest},
          {"ready", now.ready},
          {"requests", now.requests},
          {"waiting", now.waiting},
          {"skipped", now.skipped},
          {"duplicates", now.duplicates},
          {"labels", now.labels},
          {"errors", now.errors},
          {"error_rate", now.error_rate ? json(*now.error_rate) : json(nullptr)},
          {"error_limit", now.error_limit},
          {"run_length", now.run_length},
          {"evidence",
           {{"labelled", to_json(now.labelled)},
            {"label_free", to_json(now.label_free)},
            {"two_sample", to_json(now.two_sample)}}},
          {"retraining_in_flight", now.retraining_in_flight},
          {"reported", now.reported},
          {"sink", {{"delivered", sent.delivered}, {"failed", sent.failed}, {"waiting", sent.waiting}}}};
}

}  // namespace redoubt::program
