#include "monitor_setup.hpp"

#include "data.hpp"
#include "files.hpp"
#include "numbers.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <redoubt/core/error.hpp>
#include <utility>

namespace redoubt::program {
namespace {

replica_share share_in(const std::string& text) {
  replica_share share;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, share.replica);
  const bool divided = first.ec == std::errc{} && first.ptr != end && *first.ptr == '/';
  const auto second = divided ? std::from_chars(first.ptr + 1, end, share.replicas) : first;
  require(divided && second.ec == std::errc{} && second.ptr == end && share.replica < share.replicas,
          "--share must be R/N, replica R of N from 0/N, got ", text);
  return share;
}

// Where Knative says that events are to go, unless the command line does.
std::string sink_of(const monitor_settings& settings) {
  const char* const bound = std::getenv("K_SINK");
  return settings.sink.empty() && bound != nullptr ? bound : settings.sink;
}

monitor_options options_of(const monitor_settings& settings) {
  monitor_options options = settings.options;
  if (settings.error_limit > 0) {
    options.error_limit = settings.error_limit;
  }
  if (!options.state.empty()) {
    std::filesystem::create_directories(options.state);
  }
  return options;
}

std::filesystem::path outbox_of(const monitor_settings& settings) {
  return settings.options.state.empty() ? std::filesystem::path{} : settings.options.state / "outbox.json";
}

void say(const cloud_event& event) {
  std::cerr << "monitor: " << event.type << ' ' << event.data << '\n' << std::flush;
}

}  // namespace

void add_monitor_flags(CLI::App& flags, monitor_settings& settings, bool required) {
  CLI::Option* images =
      flags.add_option("--reference-images", settings.images,
                       "held-out images that the monitor learns from: what `evaluate --images` takes");
  CLI::Option* labels = flags.add_option("--reference-labels", settings.labels, "their labels");
  if (required) {
    images->required();
    labels->required();
  }
  flags.add_option("--sink", settings.sink, "URL that degradations are POSTed to as CloudEvents [environment K_SINK]");
  flags.add_option("--state", settings.options.state, "folder that a restart goes on from");
  flags.add_option("--source", settings.options.source, "source of the events that are sent")->capture_default_str();
  flags.add_option("--eps", settings.options.eps, "linf radius of the attacks that the label-free alarm learns from")
      ->transform(number({.least = 0, .above = true}))
      ->capture_default_str();
  flags
      .add_option("--error-limit", settings.error_limit,
                  "largest error rate that is in order [upper end of the reference's, and --margin]")
      ->transform(number({.least = 0, .most = 0.999, .above = true}));
  flags.add_option("--margin", settings.options.margin, "above the upper end of the reference's error rate")
      ->transform(number({.least = 0, .most = 0.5}))
      ->capture_default_str();
  flags.add_option("--run-length", settings.options.run_length, "labels until a false alarm, on average, guaranteed")
      ->transform(number({.least = 1}))
      ->capture_default_str();
  flags.add_flag("--act-on-any", settings.options.act_on_any,
                 "report alarms without labels as detected, too; their rate is not guaranteed");
  flags
      .add_option("--cool-down", settings.options.escalation.cool_down,
                  "seconds after a retraining in which nothing is reported")
      ->transform(number({.least = 0}))
      ->capture_default_str();
  flags
      .add_option("--retraining-timeout", settings.options.escalation.retraining_timeout,
                  "seconds after which a retraining of which nothing was heard counts as ended")
      ->transform(number({.least = 0, .above = true}))
      ->capture_default_str();
  flags.add_option("--share", settings.share, "R/N: of N replicas that get all events, this is number R, from 0")
      ->capture_default_str();
}

running_monitor::running_monitor(const monitor_settings& settings, served_model& model)
    : sink_{sink_of(settings), outbox_of(settings)},
      monitor_{model, read_samples(settings.images, settings.labels).scaled(), options_of(settings),
               [this](const cloud_event& event) {
                 say(event);
                 sink_.send(event);
               }},
      service_{monitor_, sink_, model, share_in(settings.share)} {}

}  // namespace redoubt::program
