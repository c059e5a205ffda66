#include "monitor_service.hpp"

#include "logged_request.hpp"

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "temporary_folder.hpp"
#include "watched_net.hpp"

using namespace redoubt::program;
using nlohmann::json;

namespace {

// A monitor of the brightness net behind HTTP.
struct listening {
  temporary_folder folder;
  std::unique_ptr<served_model> model;
  event_sink sink{"", {}};
  std::unique_ptr<degradation_monitor> monitor;
  std::unique_ptr<monitor_service> service;
  http_listener listener{{.host = "127.0.0.1", .port = 0, .most_bytes = 100000, .threads = 2}};
  std::unique_ptr<httplib::Client> client;

  explicit listening(replica_share share = {}) {
    write_brightness_net(folder / "model.pt");
    model = std::make_unique<served_model>(folder / "model.pt", std::vector<std::int64_t>{1, 4, 4});
    monitor = std::make_unique<degradation_monitor>(*model, bright_and_dark(300, 1), monitor_options{.name = "net"},
                                                    [](const cloud_event&) {});
    service = std::make_unique<monitor_service>(*monitor, sink, *model, share);
    service->add_events(listener.routes());
    service->add_probes(listener.routes());
    listener.start();
    client = std::make_unique<httplib::Client>("127.0.0.1", listener.port());
    monitor->settle();
  }

  json post(const std::string& route, const std::string& body, const httplib::Headers& headers = {},
            int status = 200) const {
    const auto answer = client->Post(route, headers, body, headers.count("Content-Type") != 0 ? "" : json_type);
    REQUIRE(answer);
    CAPTURE(answer->body);
    CHECK(answer->status == status);
    return json::parse(answer->body);
  }
  [[nodiscard]] json get(const std::string& route, int status = 200) const {
    const auto answer = client->Get(route);
    REQUIRE(answer);
    CHECK(answer->status == status);
    return json::parse(answer->body);
  }
};

std::string raw(const at::Tensor& t) {
  return {static_cast<const char*>(t.const_data_ptr()), t.nbytes()};
}

// The body of an inference request as a client of KServe's sends it, raw.
std::pair<std::string, std::size_t> body_of(const at::Tensor& x) {
  const std::string header = json{{"inputs",
                                   {{{"name", "images"},
                                     {"shape", x.sizes().vec()},
                                     {"datatype", "FP32"},
                                     {"parameters", {{"binary_data_size", x.nbytes()}}}}}}}
                                 .dump();
  return {header + raw(x), header.size()};
}

httplib::Headers logged(const std::string& id, const std::string& type, std::size_t json_size) {
  return {{"ce-specversion", "1.0"},
          {"ce-id", id},
          {"ce-source", "http://localhost:9081/"},
          {"ce-type", type},
          {"ce-metadata", R"({"Inference-Header-Content-Length":[")" + std::to_string(json_size) + "\"]}"}};
}

}  // namespace

TEST_CASE("monitor_service: KServe's events and labels by id become evidence") {
  const listening it;
  const samples some = bright_and_dark(40, 2);
  for (std::int64_t i = 0; i < 40; ++i) {
    const auto [body, size] = body_of(some.images.narrow(0, i, 1));
    CHECK(it.post("/", body, logged("r" + std::to_string(i), logged_request_type, size))["taken"] == 1);
    it.post("/", body, logged("r" + std::to_string(i), logged_response_type, size));
  }
  json labels = json::array();
  for (std::int64_t i = 0; i < 40; ++i) {
    labels.push_back({{"id", "r" + std::to_string(i)}, {"label", some.labels[i].item<std::int64_t>()}});
  }
  CHECK(it.post("/labels", labels.dump())["taken"] == 40);
  it.monitor->settle();
  const json status = it.get("/status");
  CHECK(status["requests"] == 40);
  CHECK(status["labels"]["matched"] == 40);
  CHECK(status["errors"] == 2);  // rows 7 and 27 have the other label
  CHECK(status["evidence"]["labelled"]["seen"] == 40);
  CHECK(it.get("/healthz")["live"] == true);
  CHECK(it.get("/readyz")["ready"] == true);
}

TEST_CASE("monitor_service: labels and the end of a retraining may come as events, too") {
  const listening it;
  const auto [body, size] = body_of(bright_and_dark(2, 3).images);
  it.post("/", body, logged("pair", logged_request_type, size));
  json event = {{"specversion", "1.0"},
                {"id", "1"},
                {"source", "/labels"},
                {"type", "io.redoubt.label"},
                {"data", {{"id", "pair"}, {"label", {0, 1}}}}};
  const httplib::Headers structured_type{{"Content-Type", "application/cloudevents+json"}};
  it.post("/", event.dump(), structured_type);
  it.monitor->settle();
  CHECK(it.get("/status")["evidence"]["labelled"]["seen"] == 2);
  event["type"] = "io.redoubt.retraining.finished";
  event["data"] = {{"outcome", "refused"}};
  CHECK(it.post("/", event.dump(), structured_type)["taken"] == 1);
  event["type"] = "com.example.other";
  CHECK(it.post("/", event.dump(), structured_type)["passed_over"] == 1);
}

TEST_CASE("monitor_service: metrics name each bet's running sum, and events by kind") {
  const listening it;
  const auto [body, size] = body_of(bright_and_dark(1, 3).images);
  it.post("/", body, logged("a", logged_request_type, size));
  it.post("/labels", R"({"id": "a", "label": 1})");
  it.monitor->settle();
  const auto answer = it.client->Get("/metrics");
  REQUIRE(answer);
  const auto has = [&](const std::string& text) { return answer->body.find(text) != std::string::npos; };
  CHECK(has("redoubt_monitor_events_total{model_name=\"net\",kind=\"request\"} 1"));
  CHECK(has("redoubt_monitor_labels_total{model_name=\"net\",result=\"matched\"} 1"));
  const monitor_figures now = it.monitor->figures();
  std::size_t sums = 0;
  for (std::size_t at = answer->body.find("\nredoubt_log_evidence_sum{"); at != std::string::npos;
       at = answer->body.find("\nredoubt_log_evidence_sum{", at + 1)) {
    ++sums;
  }
  CHECK(sums == now.lambdas.size());
  CHECK(has("incarnation=\"" + now.incarnation + "\""));
}

TEST_CASE("monitor_service: replicas that get everything keep their shares, which are disjoint and all there is") {
  std::size_t kept = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = "request-" + std::to_string(i);
    int keepers = 0;
    for (std::uint64_t r = 0; r < 4; ++r) {
      keepers += replica_share{r, 4}.keeps(id) ? 1 : 0;
    }
    REQUIRE(keepers == 1);
    kept += replica_share{1, 4}.keeps(id) ? 1 : 0;
  }
  CHECK(kept > 200);
  CHECK(kept < 300);

  const listening it{{.replica = 1, .replicas = 4}};
  const auto [body, size] = body_of(bright_and_dark(1, 3).images);
  std::int64_t mine = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string id = "x" + std::to_string(i);
    mine += replica_share{1, 4}.keeps(id) ? 1 : 0;
    it.post("/", body, logged(id, logged_request_type, size));
    it.post("/labels", json{{"id", id}, {"label", 0}}.dump());
  }
  it.monitor->settle();
  CHECK(it.monitor->figures().requests == mine);
  CHECK(it.monitor->figures().labels.at("matched") == mine);
}

TEST_CASE("monitor_service: what is no event or no label gets 400 with a reason, and one that is huge 413") {
  const listening it;
  const auto [body, size] = body_of(at::zeros({1, 1, 4, 5}));
  const auto said = [&](const json& answer, const char* words) {
    return answer["error"].get<std::string>().find(words) != std::string::npos;
  };
  CHECK(said(it.post("/", "{}", {}, 400), "no CloudEvent"));
  CHECK(said(it.post("/", body, logged("a", logged_request_type, size), 400), "shape"));
  CHECK(said(it.post("/", "x", logged("a", logged_request_type, 99), 400), "99"));
  CHECK(said(it.post("/", "{", logged("a", "io.redoubt.label", 0), 400), "JSON"));
  CHECK(said(it.post("/labels", "3", {}, 400), "label"));
  CHECK(said(it.post("/labels", R"({"id": 3, "label": 3})", {}, 400), "string"));
  CHECK(said(it.post("/labels", R"({"id": "a", "label": -3})", {}, 400), "-3"));
  CHECK(said(it.post("/labels", R"({"id": "a", "label": [1, "x"]})", {}, 400), "x"));
  CHECK(said(it.post("/labels", R"({"id": "", "label": 1})", {}, 400), "id"));
  CHECK(it.client->Post("/", std::string(200000, 'x'), json_type)->status == 413);
  CHECK(it.service->metrics_text().find("kind=\"unreadable\"} 4") != std::string::npos);
}
