#include "command.hpp"
#include "http_server.hpp"
#include "inference_service.hpp"
#include "interrupt.hpp"
#include "served_model.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

namespace redoubt::program {
namespace {

struct settings {
  std::string model;
  std::string name = "model";
  std::vector<std::int64_t> shape{1, 28, 28};
  std::string host = "0.0.0.0";
  int port = 8080;
  std::int64_t batch = 64;
  double delay = 2;
  std::int64_t queue = 1024;
  std::size_t body = 64;
  std::size_t threads = 64;
  double drain = 0;
};

void say(const std::string& line) {
  std::cerr << "serve: " << line << '\n' << std::flush;
}

void look(served_model& model, inference_service& service) {
  const served_model::finding found = model.look();
  const std::int64_t version = model.current()->version;
  if (found.what == served_model::change::swapped) {
    say("version " + std::to_string(version) + " of " + model.file().string() + " serves now");
  } else if (found.what == served_model::change::refused) {
    say("version " + std::to_string(version) + " goes on: " + found.why.substr(0, found.why.find('\n')));
  }
  if (found.what != served_model::change::none) {
    service.metrics().swapped(found.what == served_model::change::swapped, static_cast<double>(version));
  }
}

outcome serve(const settings& chosen) {
  const interrupt_watch watch;
  served_model model{chosen.model, chosen.shape};
  const auto patience = std::chrono::microseconds{static_cast<std::int64_t>(chosen.delay * 1000)};
  inference_service service{chosen.name, model, {chosen.batch, patience, chosen.queue}};
  http_server server{service, {chosen.host, chosen.port, chosen.body << 20, chosen.threads}};
  say("model \"" + chosen.name + "\" on http://" + chosen.host + ":" + std::to_string(server.port()) + "/v2");
  auto next_look = std::chrono::steady_clock::now();
  while (!interrupted()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    if (std::chrono::steady_clock::now() >= next_look) {
      look(model, service);
      next_look = std::chrono::steady_clock::now() + std::chrono::milliseconds{500};
    }
  }
  say("stopping");
  server.drain();
  std::this_thread::sleep_for(std::chrono::duration<double>{chosen.drain});
  answer_interrupt();
  return {.report = {{"model", chosen.name}, {"model_version", model.current()->version}}, .prose = ""};
}

}  // namespace

command make_serve(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand(
      "serve", "answer inference requests over HTTP (Open Inference Protocol, version 2), until SIGTERM");
  flags->add_option("--model", chosen->model, "TorchScript file; another put in its place takes over")->required();
  flags->add_option("--name", chosen->name, "what requests call the model")->capture_default_str();
  flags->add_option("--shape", chosen->shape, "sizes of one sample: channels, height, width")
      ->expected(1, 5)
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  flags->add_option("--host", chosen->host, "address to listen on")->capture_default_str();
  flags->add_option("--port", chosen->port, "port to listen on; 0 for any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  flags->add_option("--max-batch", chosen->batch, "samples that are inferred at once")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  flags->add_option("--max-delay", chosen->delay, "milliseconds that a request waits for others to share its batch")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  flags->add_option("--max-queue", chosen->queue, "samples that may wait; more are refused with 503")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  flags->add_option("--max-body", chosen->body, "megabytes of a request's body")
      ->check(CLI::Range(1, 1 << 14))
      ->capture_default_str();
  flags->add_option("--threads", chosen->threads, "requests that are answered at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  flags->add_option("--drain", chosen->drain, "seconds after SIGTERM in which requests are answered, readiness refused")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  return {flags, [chosen] { return serve(*chosen); }};
}

}  // namespace redoubt::program
