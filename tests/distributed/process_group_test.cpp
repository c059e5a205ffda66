#include <redoubt/distributed/process_group.hpp>

#include "ranks.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using redoubt::process_group;
using redoubt::process_group_options;
using redoubt::rendezvous;
using namespace std::chrono_literals;

namespace {

/// Tensors of all kinds; rank r's are r + 1 times those of rank 0.
std::vector<at::Tensor> tensors_of(int rank) {
  std::vector<at::Tensor> all;
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kLong, at::kHalf, at::kBFloat16}) {
    all.push_back(at::arange(6).reshape({2, 3}).to(type).mul(rank + 1));
    all.push_back(at::arange(12).reshape({3, 4}).to(type).mul(rank + 1).t());
    all.push_back(at::ones({}, type).mul(rank + 1));
    all.push_back(at::empty({0, 3}, type));
  }
  return all;
}

/// Whether each tensor is `times` rank 0's.
bool are(const std::vector<at::Tensor>& all, int times) {
  const std::vector<at::Tensor> first = tensors_of(0);
  bool right = all.size() == first.size();
  for (std::size_t i = 0; right && i < all.size(); ++i) {
    right = all[i].scalar_type() == first[i].scalar_type() && at::equal(all[i], first[i].mul(times));
  }
  return right;
}

bool holds(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  CHECK_MESSAGE(found, "\"", text, "\" does not hold \"", part, "\"");
  return found;
}

}  // namespace

TEST_CASE("one process sums, sends and waits for nobody") {
  const process_group alone{rendezvous{}};
  CHECK(alone.rank() == 0);
  CHECK(alone.world() == 1);
  const std::vector<at::Tensor> all = tensors_of(0);
  alone.sum(all);
  alone.broadcast(all);
  alone.wait();
  CHECK(are(all, 1));
}

TEST_CASE("sums are over all ranks, in place, for tensors of any type and strides") {
  for (const int world : {2, 3, 4}) {
    CAPTURE(world);
    std::vector<int> right(static_cast<std::size_t>(world));
    CHECK(ranks::together(world, [&](const process_group& group) {
            const std::vector<at::Tensor> all = tensors_of(group.rank());
            group.sum(all);
            right[static_cast<std::size_t>(group.rank())] = are(all, world * (world + 1) / 2) ? 1 : 0;
          }) == ranks::nothing(world));
    CHECK(right == std::vector<int>(static_cast<std::size_t>(world), 1));
  }
}

TEST_CASE("sums are the same on every rank to the last bit, in one bucket or in many") {
  constexpr int world = 3;
  std::vector<at::Tensor> sums;
  for (const std::size_t bytes : {std::size_t{16}, std::size_t{1} << 20}) {
    std::vector<at::Tensor> seen(world);
    CHECK(ranks::together(
              world,
              [&](const process_group& group) {
                std::vector<at::Tensor> parts;
                for (int i = 1; i < 9; ++i) {
                  parts.push_back(at::arange(i * 7, at::kFloat).add(0.1 * group.rank()).sin());
                }
                group.sum(parts);
                seen[static_cast<std::size_t>(group.rank())] = at::cat(parts);
              },
              process_group_options{.timeout = 60s, .bucket_bytes = bytes}) == ranks::nothing(world));
    CHECK(at::equal(seen[0], seen[1]));
    CHECK(at::equal(seen[0], seen[2]));
    sums.push_back(seen[0]);
  }
  CHECK(at::allclose(sums[0], sums[1], 0, 1e-6));
}

TEST_CASE("everybody has rank 0's tensors after a broadcast") {
  constexpr int world = 3;
  std::vector<int> right(world);
  CHECK(ranks::together(world, [&](const process_group& group) {
          const std::vector<at::Tensor> all = tensors_of(group.rank());
          group.broadcast(all);
          right[static_cast<std::size_t>(group.rank())] = are(all, 1) ? 1 : 0;
        }) == ranks::nothing(world));
  CHECK(right == std::vector<int>(world, 1));
}

TEST_CASE("a leaf that wants a gradient can be summed and sent, and has no graph after it") {
  CHECK(ranks::together(2, [](const process_group& group) {
          const at::Tensor leaf = at::ones({2}).requires_grad_();
          group.sum({leaf});
          group.broadcast({leaf});
          if (!leaf.is_leaf() || !at::equal(leaf, at::full({2}, 2.0))) {
            throw std::runtime_error("not the sum");
          }
        }) == ranks::nothing(2));
}

TEST_CASE("ranks meet where they are told, whether rank 0 keeps the store or the launcher does") {
  for (const bool agent : {false, true}) {
    CAPTURE(agent);
    const std::uint16_t port = ranks::free_port();
    c10::intrusive_ptr<c10d::TCPStore> kept;
    if (agent) {
      c10d::TCPStoreOptions here;
      here.port = port;
      here.isServer = true;
      here.waitWorkers = false;
      kept = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", here);
    }
    for (int attempt = 0; attempt < (agent ? 2 : 1); ++attempt) {  // what the first left does not disturb the second
      CAPTURE(attempt);
      CHECK(ranks::each(2, [&](int rank) {
              const process_group group{rendezvous{.rank = rank,
                                                   .world = 2,
                                                   .address = "127.0.0.1",
                                                   .port = port,
                                                   .agent_store = agent,
                                                   .attempt = attempt},
                                        {.timeout = 60s}};
              const at::Tensor one = at::ones({1});
              group.sum({one});
              if (one.item<float>() != 2) {
                throw std::runtime_error("not the sum");
              }
            }) == ranks::nothing(2));
    }
  }
}

TEST_CASE("ranks that do not come are named, and who waited how long") {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  const auto began = std::chrono::steady_clock::now();
  const std::vector<std::string> errors = ranks::each(2, [&](int rank) {
    const process_group group{store, rank, 4, {.timeout = 300ms}};
  });
  CHECK(std::chrono::steady_clock::now() - began < 30s);
  CHECK(errors[0].starts_with("process_group: rank 0 of 4 waited 0."));
  CHECK(errors[0].ends_with(" s for rank 2, rank 3 to start"));
  CHECK(errors[1].starts_with("process_group: rank 1 of 4 waited 0."));
}

TEST_CASE("a store that nobody keeps is named with its address") {
  const std::uint16_t port = ranks::free_port();
  const std::string place = "127.0.0.1:" + std::to_string(port) + " (MASTER_ADDR, MASTER_PORT)";
  const auto error_of = [&](bool agent) {
    return ranks::each(1, [&](int) {
      const process_group group{
          rendezvous{.rank = 1, .world = 2, .address = "127.0.0.1", .port = port, .agent_store = agent},
          {.timeout = 500ms}};
    })[0];
  };
  CHECK(error_of(false).starts_with("process_group: rank 1 of 2 waited "));
  CHECK(holds(error_of(false), " s for rank 0's store at " + place));
  CHECK(holds(error_of(true), " s for the launcher's store at " + place));
}

TEST_CASE("a rank that does something else is waited for no longer than the time-out, and the error says what for") {
  const std::vector<std::string> errors = ranks::together(
      2,
      [](const process_group& group) {
        if (group.rank() == 0) {
          group.sum({at::ones({1})}, "add up gradients");
        } else {
          std::this_thread::sleep_for(1500ms);
        }
      },
      process_group_options{.timeout = 500ms});
  CHECK(errors[0].starts_with("process_group: rank 0 of 2 waited "));
  CHECK(holds(errors[0], " s for the others to add up gradients: "));
  CHECK(errors[0].find('\n') == std::string::npos);
  CHECK(errors[1].empty());
}

TEST_CASE("a rank that is gone is an error at once") {
  const auto began = std::chrono::steady_clock::now();
  const std::vector<std::string> errors = ranks::together(2, [](const process_group& group) {
    if (group.rank() == 0) {
      group.wait("finish");
      group.sum({at::ones({1})});
    } else {
      group.wait("finish");
    }
  });
  CHECK(holds(errors[0], " s for the others to add up tensors: "));
  CHECK(std::chrono::steady_clock::now() - began < 30s);
}

TEST_CASE("a rank that cannot be is refused") {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  for (const auto& [rank, world] : {std::pair{2, 2}, std::pair{-1, 2}, std::pair{0, 0}}) {
    const int r = rank;
    const int w = world;
    CHECK_THROWS_AS((process_group{store, r, w}), std::invalid_argument);
    CHECK_THROWS_AS((process_group{rendezvous{.rank = r, .world = w}}), std::invalid_argument);
  }
}
