#include "command.hpp"
#include "http_server.hpp"
#include "inference_service.hpp"
#include "interrupt.hpp"
#include "model_look.hpp"
#include "monitor_setup.hpp"
#include "served_model.hpp"
#include "server_flags.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <redoubt/core/error.hpp>
#include <thread>

namespace redoubt::program {
namespace {

struct settings {
  server_settings server;
  std::int64_t batch = 64;
  double delay = 2;
  std::int64_t queue = 1024;
  double drain = 0;
  bool watches = false;
  monitor_settings monitor;
};

void say(const std::string& line) {
  std::cerr << "serve: " << line << '\n' << std::flush;
}

// Tells the monitor of each request that was answered. Without a label to come it needs no id.
void observe(inference_service& service, degradation_monitor& monitor) {
  service.observed_by([&monitor](const std::string& id, const at::Tensor& x) {
    static_cast<void>(monitor.see_request(id.size() > degradation_monitor::longest_id ? "" : id, x, /*once=*/false));
  });
}

outcome serve(const settings& chosen) {
  const interrupt_watch watch;
  served_model model{chosen.server.model, chosen.server.shape};
  std::optional<running_monitor> monitor;
  if (chosen.watches) {
    monitor_settings of = chosen.monitor;
    require(!of.images.empty() && !of.labels.empty(), "--monitor needs --reference-images and --reference-labels");
    of.options.name = chosen.server.name;
    of.options.yields = true;
    of.options.most_waiting = 256;  // what it looks at under load is then recent, and little is held
    monitor.emplace(of, model);
  }
  const auto patience = std::chrono::microseconds{static_cast<std::int64_t>(chosen.delay * 1000)};
  inference_service service{chosen.server.name, model, {chosen.batch, patience, chosen.queue}};
  http_server server{service, chosen.server.http()};
  if (monitor) {
    observe(service, monitor->monitor());
    monitor->service().add_events(server.routes());
    service.more_metrics([&monitor] { return monitor->service().metrics_text(); });
  }
  server.start();
  say("model \"" + chosen.server.name + "\" on http://" + chosen.server.host + ":" + std::to_string(server.port()) +
      "/v2");
  model_look look{model, say};
  while (!interrupted()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    const served_model::change change = look();
    if (change != served_model::change::none) {
      service.metrics().swapped(change == served_model::change::swapped, static_cast<double>(model.current()->version));
    }
  }
  say("stopping");
  server.drain();
  std::this_thread::sleep_for(std::chrono::duration<double>{chosen.drain});
  server.stop();
  answer_interrupt();
  return {.report = {{"model", chosen.server.name}, {"model_version", model.current()->version}}, .prose = ""};
}

}  // namespace

command make_serve(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand(
      "serve", "answer inference requests over HTTP (Open Inference Protocol, version 2), until SIGTERM");
  add_server_flags(*flags, chosen->server, "TorchScript file; another put in its place takes over",
                   "megabytes of a request's body");
  flags->add_option("--max-batch", chosen->batch, "samples that are inferred at once")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  flags->add_option("--max-delay", chosen->delay, "milliseconds that a request waits for others to share its batch")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  flags->add_option("--max-queue", chosen->queue, "samples that may wait; more are refused with 503")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  flags->add_option("--drain", chosen->drain, "seconds after SIGTERM in which requests are answered, readiness refused")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  flags->add_flag("--monitor", chosen->watches,
                  "watch for degradation as `redoubt monitor` does, while no request wants the processor");
  add_monitor_flags(*flags, chosen->monitor, /*required=*/false);
  return {flags, [chosen] { return serve(*chosen); }};
}

}  // namespace redoubt::program
