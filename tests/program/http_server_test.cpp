#include "http_server.hpp"

#include <httplib.h>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/model/script.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../script_models.hpp"
#include "temporary_folder.hpp"

using namespace redoubt::program;
using nlohmann::json;

namespace {

// A server of the net [N, 1, 6, 6] -> [N, 3], and who asks it.
struct served {
  temporary_folder folder;
  std::filesystem::path file = folder / "model.pt";
  redoubt::script_model net = redoubt::testing::fragile_script();
  std::unique_ptr<served_model> model;
  std::unique_ptr<inference_service> service;
  std::unique_ptr<http_server> server;
  std::unique_ptr<httplib::Client> client;

  explicit served(batcher_options batches = {}, std::size_t most_bytes = 1 << 20) {
    net.save(file.string());
    net.train(false);
    model = std::make_unique<served_model>(file, std::vector<std::int64_t>{1, 6, 6});
    service = std::make_unique<inference_service>("net", *model, batches);
    server = std::make_unique<http_server>(
        *service, http_options{.host = "127.0.0.1", .port = 0, .most_bytes = most_bytes, .threads = 8});
    server->start();
    client = std::make_unique<httplib::Client>("127.0.0.1", server->port());
  }

  json get(const std::string& route, int status = 200) const {
    const auto answer = client->Get(route);
    REQUIRE(answer);
    CAPTURE(answer->body);
    CHECK(answer->status == status);
    return json::parse(answer->body);
  }

  json post(const json& body, int status = 200, const std::string& route = "/v2/models/net/infer") const {
    const auto answer = client->Post(route, body.dump(), "application/json");
    REQUIRE(answer);
    CAPTURE(answer->body);
    CHECK(answer->status == status);
    return json::parse(answer->body);
  }
};

const at::Tensor& images() {
  static const at::Tensor x = redoubt::testing::uniform({2, 1, 6, 6}, 3);
  return x;
}

std::string raw(const at::Tensor& t) {
  return {static_cast<const char*>(t.const_data_ptr()), t.nbytes()};
}

json input(const at::Tensor& x) {
  return {{"name", "images"},
          {"shape", x.sizes().vec()},
          {"datatype", "FP32"},
          {"data", redoubt::detail::vector_of<float>(x)}};
}

at::Tensor logits_in(const json& answer) {
  const auto numbers = answer.at("outputs").at(0).at("data").get<std::vector<float>>();
  return at::tensor(numbers).view({-1, 3});
}

}  // namespace

TEST_CASE("serve: says what it is and what it serves") {
  const served it;
  CHECK(it.get("/v2")["extensions"] == json{"binary_tensor_data"});
  CHECK(it.get("/v2/") == it.get("/v2"));
  CHECK(it.get("/v2/health/live") == json{{"live", true}});
  CHECK(it.get("/v2/health/ready") == json{{"live", true}, {"ready", true}});
  CHECK(it.get("/v2/models") == json{{"models", {"net"}}});
  for (const char* route : {"/v2/models/net", "/v2/models/net/versions/1"}) {
    const json about = it.get(route);
    CHECK(about["name"] == "net");
    CHECK(about["versions"] == json{"1"});
    CHECK(about["inputs"] == json{{{"name", "images"}, {"datatype", "FP32"}, {"shape", {-1, 1, 6, 6}}}});
    CHECK(about["outputs"] == json{{{"name", "logits"}, {"datatype", "FP32"}, {"shape", {-1, 3}}}});
  }
  CHECK(it.get("/v2/models/net/ready") == json{{"name", "net"}, {"ready", true}});
}

TEST_CASE("serve: answers with the model's logits, whatever form the request has") {
  const served it;
  const at::Tensor expected = it.net(images()).detach();
  const json answer = it.post({{"id", "5"}, {"inputs", {input(images())}}});
  CHECK(at::allclose(logits_in(answer), expected, 1e-5, 1e-6));
  CHECK(answer["id"] == "5");
  CHECK(answer["model_name"] == "net");
  CHECK(answer["model_version"] == "1");
  CHECK(answer["outputs"][0]["shape"] == json{2, 3});

  const std::string header = json{{"parameters", {{"binary_data_output", true}}},
                                  {"inputs",
                                   {{{"name", "images"},
                                     {"shape", {2, 1, 6, 6}},
                                     {"datatype", "FP32"},
                                     {"parameters", {{"binary_data_size", images().nbytes()}}}}}}}
                                 .dump();
  const auto binary = it.client->Post("/v2/models/net/versions/1/infer",
                                      {{"Inference-Header-Content-Length", std::to_string(header.size())}},
                                      header + raw(images()), "application/octet-stream");
  REQUIRE(binary);
  CHECK(binary->status == 200);
  const std::size_t json_size = std::stoul(binary->get_header_value("Inference-Header-Content-Length"));
  REQUIRE(binary->body.size() == json_size + 6 * sizeof(float));
  at::Tensor found = at::empty({2, 3});
  std::memcpy(found.data_ptr(), binary->body.data() + json_size, found.nbytes());
  CHECK(at::allclose(found, expected, 1e-5, 1e-6));

  const at::Tensor pixels = images().mul(255).round();
  std::vector<int> bytes;
  for (std::int64_t i = 0; i < pixels.numel(); ++i) {
    bytes.push_back(pixels.flatten()[i].item<int>());
  }
  json of_bytes = input(images());
  of_bytes["datatype"] = "UINT8";
  of_bytes["data"] = bytes;
  CHECK(at::allclose(logits_in(it.post({{"inputs", {of_bytes}}})), it.net(pixels.div(255)).detach(), 1e-5, 1e-6));
}

TEST_CASE("serve: what is wrong with a request is said in JSON, with the status that fits") {
  const served it;
  const auto error = [](const json& answer) { return answer.at("error").get<std::string>(); };
  CHECK(error(it.get("/v2/models/other", 404)).find("there is no model \"other\"") == 0);
  CHECK(error(it.get("/v2/models/net/versions/7", 404)).find("there is no version \"7\"") == 0);
  CHECK(error(it.get("/v2/models/net/config", 404)).find("there is no such route") == 0);
  CHECK(error(it.post({{"inputs", {input(images())}}}, 404, "/v2/models/other/infer")).find("there is no model") == 0);
  CHECK(error(it.post(json::array(), 400)) == "the body is no JSON object");
  json wrong = input(images());
  wrong["name"] = "x";
  CHECK(error(it.post({{"inputs", {wrong}}}, 400)) == "there is no input \"x\"; the model's is \"images\"");
  CHECK(error(it.post({{"inputs", {input(images().view({2, 36}))}}}, 400)).find("must have shape [-1, 1, 6, 6]") !=
        std::string::npos);
  CHECK(error(it.post({{"inputs", {input(images().narrow(0, 0, 0))}}}, 400)).find("at least one sample") !=
        std::string::npos);
  CHECK(error(it.post({{"inputs", {input(images())}}, {"outputs", {{{"name", "y"}}}}}, 400)) ==
        "there is no output \"y\"; the model's is \"logits\"");
  const auto answer = it.client->Post("/v2/models/net/infer", {{"Inference-Header-Content-Length", "x"}}, "{}", "");
  REQUIRE(answer);
  CHECK(answer->status == 400);
  const auto other = it.client->Delete("/v2/models/net/infer");
  REQUIRE(other);
  CHECK(other->status == 405);
  CHECK(other->get_header_value("Allow") == "POST");
  CHECK(error(json::parse(other->body)) == "/v2/models/net/infer takes POST, not DELETE");
  const served small{{}, 1000};
  CHECK(error(small.post({{"inputs", {input(redoubt::testing::uniform({50, 1, 6, 6}, 1))}}}, 413)).find("larger") !=
        std::string::npos);
}

TEST_CASE("serve: another model file takes over while others ask, and no request is lost") {
  const served it{{.most_samples = 4, .patience = std::chrono::microseconds{200}, .most_waiting = 1000}};
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::atomic<int> lost = 0;
  std::vector<std::thread> askers;
  askers.reserve(3);
  const std::string body = json{{"inputs", {input(images())}}}.dump();
  for (int i = 0; i < 3; ++i) {
    askers.emplace_back([&] {
      httplib::Client client{"127.0.0.1", it.server->port()};
      client.set_keep_alive(true);
      while (!stop) {
        const auto answer = client.Post("/v2/models/net/infer", body, "application/json");
        (answer && answer->status == 200 ? answered : lost) += 1;
      }
    });
  }
  for (int i = 0; i < 5; ++i) {
    for (const int before = answered; answered < before + 5 && lost == 0;) {  // some under each model
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    it.net.save(it.file.string());
    while (it.model->look().what != served_model::change::swapped) {
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
  }
  stop = true;
  for (std::thread& asker : askers) {
    asker.join();
  }
  CHECK(lost == 0);
  CHECK(it.get("/v2/models/net")["versions"] == json{"6"});
  CHECK(it.get("/v2/models/net/versions/1", 404).contains("error"));
}

TEST_CASE("serve: counts what it does, in Prometheus' form") {
  const served it;
  it.post({{"inputs", {input(images())}}});
  it.post(json::array(), 400);
  const auto answer = it.client->Get("/metrics");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CAPTURE(answer->body);
  for (const char* line :
       {"redoubt_requests_total{model_name=\"net\",code=\"200\"} 1",
        "redoubt_requests_total{model_name=\"net\",code=\"400\"} 1",
        "request_predict_seconds_count{model_name=\"net\"} 1", "redoubt_batch_samples_sum{model_name=\"net\"} 2",
        "redoubt_queue_samples{model_name=\"net\"} 0", "redoubt_model_version{model_name=\"net\"} 1"}) {
    CAPTURE(line);
    CHECK(answer->body.find(line) != std::string::npos);
  }
}

TEST_CASE("serve: a server that is to go is ready no more, and answers still") {
  const served it;
  it.server->drain();
  CHECK(it.get("/v2/health/ready", 503) == json{{"live", true}, {"ready", false}});
  CHECK(it.get("/v2/health/live") == json{{"live", true}});
  it.post({{"inputs", {input(images())}}});
}

TEST_CASE("serve: a port that is taken is named") {
  const served it;
  const http_options same{.host = "127.0.0.1", .port = it.server->port()};
  http_server second{*it.service, same};
  CHECK_THROWS_WITH_AS(second.start(), doctest::Contains(std::to_string(it.server->port()).c_str()),
                       std::runtime_error);
}
