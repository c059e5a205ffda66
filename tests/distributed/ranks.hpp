#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <redoubt/distributed/process_group.hpp>
#include <string>
#include <thread>
#include <vector>

/// Many ranks in one process: each in a thread of its own, over real connections.
namespace ranks {

/// Runs `work(rank)` in as many threads; returns what each threw, "" where nothing.
inline std::vector<std::string> each(int world, const std::function<void(int)>& work) {
  std::vector<std::string> errors(static_cast<std::size_t>(world));
  std::vector<std::thread> threads;
  threads.reserve(errors.size());
  for (int rank = 0; rank < world; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        work(rank);
      } catch (const std::exception& error) {
        errors[static_cast<std::size_t>(rank)] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return errors;
}

/// The same with a group of these ranks.
inline std::vector<std::string> together(int world, const std::function<void(const redoubt::process_group&)>& work,
                                         const redoubt::process_group_options& options = {
                                             .timeout = std::chrono::seconds{60}}) {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  return each(world, [&](int rank) { work(redoubt::process_group{store, rank, world, options}); });
}

/// No rank threw.
inline std::vector<std::string> nothing(int world) {
  return std::vector<std::string>(static_cast<std::size_t>(world));
}

/// A port that nobody listens on.
inline std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(socket, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(socket);
  return ntohs(address.sin_port);
}

}  // namespace ranks
