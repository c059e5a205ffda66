#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <redoubt/core/error.hpp>
#include <string>
#include <system_error>

namespace redoubt {

/// Where the processes of one training meet, and which of them this one is. The default is one process alone.
struct rendezvous {
  int rank = 0;              ///< 0..world-1
  int world = 1;             ///< how many processes there are; >= 1
  std::string address = {};  ///< of the store through which they find each other
  std::uint16_t port = 0;    ///< of the store
  bool agent_store = false;  ///< the launcher keeps the store; else rank 0 does
  int attempt = 0;           ///< how often the launcher has started the processes again
  int local_rank = 0;        ///< which of this machine's processes it is: the GPU to take
};

/// Reads one environment variable; null where it is not set.
using environment = std::function<const char*(const char* name)>;

namespace detail {

inline const char* own_variable(const char* name) {
  return std::getenv(name);
}

/// The whole number in a variable that must be set.
inline int number_in(const environment& read, const char* name, int least, int most) {
  const char* const set = read(name);
  require(set != nullptr, name,
          " is not set: one process of many needs RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, ",
          "one alone none of them");
  const std::string text = set;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc{} && end == text.data() + text.size() && value >= least && value <= most, name, "=\"",
          text, "\": must be a whole number from ", least, " to ", most);
  return value;
}

inline std::string text_in(const environment& read, const char* name) {
  const char* const set = read(name);
  require(set != nullptr && *set != '\0', name, " is ", set == nullptr ? "not set" : "empty",
          ": it must name the host of rank 0, where the processes meet");
  return set;
}

}  // namespace detail

/// What torchrun, or Kubeflow's operator for PyTorch jobs, tells each process in its environment: RANK, WORLD_SIZE,
/// MASTER_ADDR and MASTER_PORT. One process where neither RANK nor WORLD_SIZE is set, or WORLD_SIZE is 1.
///
/// TORCHELASTIC_USE_AGENT_STORE says that the launcher keeps the store, TORCHELASTIC_RESTART_COUNT which attempt this
/// is, LOCAL_RANK which process of its machine. Throws std::invalid_argument, naming the variable and its value, for
/// one that is missing or malformed.
[[nodiscard]] inline rendezvous rendezvous_from(const environment& read = detail::own_variable) {
  constexpr int most = std::numeric_limits<int>::max();
  rendezvous found;
  if (read("RANK") == nullptr && read("WORLD_SIZE") == nullptr) {
    return found;
  }
  found.world = detail::number_in(read, "WORLD_SIZE", 1, most);
  found.rank = detail::number_in(read, "RANK", 0, most);
  require(found.rank < found.world, "RANK=\"", found.rank, "\": must be less than WORLD_SIZE, which is ", found.world);
  if (found.world == 1) {
    return found;
  }
  found.address = detail::text_in(read, "MASTER_ADDR");
  constexpr int last_port = 65535;
  found.port = static_cast<std::uint16_t>(detail::number_in(read, "MASTER_PORT", 1, last_port));
  const char* const agent = read("TORCHELASTIC_USE_AGENT_STORE");
  found.agent_store = agent != nullptr && std::string{agent} == "True";
  if (read("TORCHELASTIC_RESTART_COUNT") != nullptr) {
    found.attempt = detail::number_in(read, "TORCHELASTIC_RESTART_COUNT", 0, most);
  }
  if (read("LOCAL_RANK") != nullptr) {
    found.local_rank = detail::number_in(read, "LOCAL_RANK", 0, most);
  }
  return found;
}

}  // namespace redoubt
