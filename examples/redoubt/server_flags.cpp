#include "server_flags.hpp"

#include <CLI/CLI.hpp>

namespace redoubt::program {

void add_server_flags(CLI::App& flags, server_settings& settings, const std::string& model, const std::string& body) {
  flags.add_option("--model", settings.model, model)->required();
  flags.add_option("--name", settings.name, "what the model is called")->capture_default_str();
  flags.add_option("--shape", settings.shape, "sizes of one sample: channels, height, width")
      ->expected(1, 5)
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  flags.add_option("--host", settings.host, "address to listen on")->capture_default_str();
  flags.add_option("--port", settings.port, "port to listen on; 0 for any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  flags.add_option("--max-body", settings.body, body)->check(CLI::Range(1, 1 << 14))->capture_default_str();
  flags.add_option("--threads", settings.threads, "requests that are answered at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
}

}  // namespace redoubt::program
