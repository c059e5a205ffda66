#pragma once

#include "http_listener.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace redoubt::program {

/// What a server of one model, or of what watches one, is told on the command line.
struct server_settings {
  std::string model = {};  ///< TorchScript file
  std::string name = "model";
  std::vector<std::int64_t> shape{1, 28, 28};  ///< of a sample
  std::string host = "0.0.0.0";
  int port = 8080;
  std::size_t body = 64;  ///< megabytes
  std::size_t threads = 64;

  [[nodiscard]] http_options http() const { return {host, port, body << 20, threads}; }
};

/// Adds --model, --name, --shape, --host, --port, --max-body and --threads. What the model and the body are is the
/// subcommand's own to say.
void add_server_flags(CLI::App& flags, server_settings& settings, const std::string& model, const std::string& body);

}  // namespace redoubt::program
