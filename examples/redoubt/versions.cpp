#include "versions.hpp"

#include <ATen/Parallel.h>
#include <torch/csrc/api/include/torch/version.h>

#include <fstream>
#include <redoubt/core/version.hpp>

namespace redoubt::program {
namespace {

std::string processor() {
  std::ifstream info{"/proc/cpuinfo"};
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "unknown";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> made_with() {
  return {{"redoubt", version},
          {"LibTorch", TORCH_VERSION},
          {"compiler", __VERSION__},
          {"CPU", processor()},
          {"threads", std::to_string(at::get_num_threads())}};
}

}  // namespace redoubt::program
