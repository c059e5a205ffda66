#include "command.hpp"
#include "http_listener.hpp"
#include "interrupt.hpp"
#include "model_look.hpp"
#include "monitor_setup.hpp"
#include "served_model.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <redoubt/core/error.hpp>
#include <thread>

namespace redoubt::program {
namespace {

struct settings {
  std::string model;
  std::vector<std::int64_t> shape{1, 28, 28};
  std::string host = "0.0.0.0";
  int port = 8081;
  std::size_t body = 64;
  std::size_t threads = 64;
  monitor_settings monitor;
};

void say(const std::string& line) {
  std::cerr << "monitor: " << line << '\n' << std::flush;
}

outcome monitor(const settings& chosen) {
  const interrupt_watch watch;
  served_model model{chosen.model, chosen.shape};
  running_monitor running{chosen.monitor, model};
  http_listener listener{{chosen.host, chosen.port, chosen.body << 20, chosen.threads}};
  running.service().add_events(listener.routes());
  running.service().add_probes(listener.routes());
  listener.start();
  say("model \"" + chosen.monitor.options.name + "\" on http://" + chosen.host + ":" + std::to_string(listener.port()));
  model_look look{model, say};
  bool was_ready = false;
  while (!interrupted()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    look();
    const monitor_figures now = running.monitor().figures();
    if (!now.trouble.empty() && now.model_version == 1) {
      fail("monitor: ", now.trouble);
    }
    if (now.ready && !was_ready) {
      say("ready: errors up to " + std::to_string(now.error_limit) + " are in order for version " +
          std::to_string(now.model_version));
    }
    was_ready = now.ready;
  }
  say("stopping");
  listener.stop();
  answer_interrupt();
  return {.report = running.service().status(), .prose = ""};
}

}  // namespace

command make_monitor(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand(
      "monitor", "watch a served model through CloudEvents of its requests and labels, until SIGTERM");
  flags->add_option("--model", chosen->model, "TorchScript file that is served; another put in its place is followed")
      ->required();
  flags->add_option("--name", chosen->monitor.options.name, "what the model is called")->capture_default_str();
  flags->add_option("--shape", chosen->shape, "sizes of one sample: channels, height, width")
      ->expected(1, 5)
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  flags->add_option("--host", chosen->host, "address to listen on")->capture_default_str();
  flags->add_option("--port", chosen->port, "port to listen on; 0 for any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  flags->add_option("--max-body", chosen->body, "megabytes of an event")
      ->check(CLI::Range(1, 1 << 14))
      ->capture_default_str();
  flags->add_option("--threads", chosen->threads, "requests that are answered at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  add_monitor_flags(*flags, chosen->monitor, /*required=*/true);
  return {flags, [chosen] { return monitor(*chosen); }};
}

}  // namespace redoubt::program
