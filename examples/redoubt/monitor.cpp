#include "command.hpp"
#include "http_listener.hpp"
#include "interrupt.hpp"
#include "model_look.hpp"
#include "monitor_setup.hpp"
#include "served_model.hpp"
#include "server_flags.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <redoubt/core/error.hpp>
#include <thread>

namespace redoubt::program {
namespace {

struct settings {
  server_settings server{.port = 8081};
  monitor_settings monitor;
};

void say(const std::string& line) {
  std::cerr << "monitor: " << line << '\n' << std::flush;
}

outcome monitor(const settings& chosen) {
  const interrupt_watch watch;
  served_model model{chosen.server.model, chosen.server.shape};
  monitor_settings of = chosen.monitor;
  of.options.name = chosen.server.name;
  running_monitor running{of, model};
  http_listener listener{chosen.server.http()};
  running.service().add_events(listener.routes());
  running.service().add_probes(listener.routes());
  listener.start();
  say("model \"" + chosen.server.name + "\" on http://" + chosen.server.host + ":" + std::to_string(listener.port()));
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
  add_server_flags(*flags, chosen->server, "TorchScript file that is served; another put in its place is followed",
                   "megabytes of an event");
  add_monitor_flags(*flags, chosen->monitor, /*required=*/true);
  return {flags, [chosen] { return monitor(*chosen); }};
}

}  // namespace redoubt::program
