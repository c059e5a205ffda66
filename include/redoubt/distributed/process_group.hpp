#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <redoubt/core/error.hpp>
#include <redoubt/distributed/detail/buckets.hpp>
#include <redoubt/distributed/rendezvous.hpp>
#include <redoubt/model/detail/sealed_archive.hpp>
#include <string>
#include <utility>
#include <vector>

namespace redoubt {

/// Tuning of `process_group`. Every field has a default; set the ones you need by name.
struct process_group_options {
  std::chrono::milliseconds timeout = std::chrono::minutes{10};  ///< for which a rank waits for others each time; > 0
  std::string name = "redoubt";                                  ///< tells apart the groups that meet in one store
  std::size_t bucket_bytes = std::size_t{25} << 20;              ///< of one message; a larger tensor goes by itself
};

/// The processes of one training, and what they do together: sum, send from rank 0, wait for each other.
///
/// c10d over Gloo, on the CPU: tensors of a GPU are copied there and back. All ranks must call the same functions in
/// the same order, with tensors of the same shapes and types. A group of one process calls nothing and opens no
/// connection. Throws std::runtime_error that says which rank waited how long for what, when the others do not come,
/// take longer than `timeout`, or are gone. Not for several threads at once.
class process_group {
 public:
  /// Meets the others where `where` says; returns when all are there. Throws std::invalid_argument for a rank that is
  /// not one of the world's.
  explicit process_group(const rendezvous& where = rendezvous_from(), process_group_options options = {})
      : rank_{where.rank}, world_{where.world}, options_{std::move(options)} {
    require(where.world >= 1 && where.rank >= 0 && where.rank < where.world, "process_group: rank ", where.rank, " of ",
            where.world, ": must be from 0 to one less than the number of processes");
    if (world_ > 1) {
      meet(reached_store(where), options_.name + '/' + std::to_string(where.attempt));
    }
  }

  /// Meets the others in a store that they all hold: for processes that were started in another way, and for tests.
  /// Throws as the other.
  process_group(c10::intrusive_ptr<c10d::Store> store, int rank, int world, process_group_options options = {})
      : rank_{rank}, world_{world}, options_{std::move(options)} {
    require(world >= 1 && rank >= 0 && rank < world, "process_group: rank ", rank, " of ", world,
            ": must be from 0 to one less than the number of processes");
    if (world_ > 1) {
      meet(std::move(store), options_.name);
    }
  }

  /// Which of the processes this is, 0..world-1.
  [[nodiscard]] int rank() const { return rank_; }
  /// How many processes there are; >= 1.
  [[nodiscard]] int world() const { return world_; }

  /// Makes each tensor, in place, its sum over all ranks, to the last bit the same on each; half precision is summed as
  /// float32. Errors say that the others were waited for to `what`. Throws std::invalid_argument for a sparse tensor.
  void sum(const std::vector<at::Tensor>& tensors, const char* what = "add up tensors") const {
    in_buckets(tensors, what, [this](std::vector<at::Tensor>& flat) {
      c10d::AllreduceOptions add;
      add.timeout = options_.timeout;
      return gloo_->allreduce(flat, add);
    });
  }

  /// Makes each tensor, in place, that of rank 0. Throws std::invalid_argument for a sparse tensor.
  void broadcast(const std::vector<at::Tensor>& tensors, const char* what = "send tensors from rank 0") const {
    in_buckets(tensors, what, [this](std::vector<at::Tensor>& flat) {
      c10d::BroadcastOptions from_rank_0;
      from_rank_0.timeout = options_.timeout;
      return gloo_->broadcast(flat, from_rank_0);
    });
  }

  /// Returns when all ranks have called it.
  void wait(const char* what = "get there") const {
    if (world_ > 1) {
      together(what, [this] {
        c10d::BarrierOptions all;
        all.timeout = options_.timeout;
        gloo_->barrier(all)->wait();
      });
    }
  }

 private:
  using clock = std::chrono::steady_clock;

  [[nodiscard]] std::string who() const { return "rank " + std::to_string(rank_) + " of " + std::to_string(world_); }

  [[nodiscard]] static double seconds_since(clock::time_point began) {
    constexpr double tenths = 10;
    return static_cast<double>(
               static_cast<std::int64_t>(std::chrono::duration<double>(clock::now() - began).count() * tenths)) /
           tenths;
  }

  // The launcher keeps the store, or rank 0 does; all others are its clients. Nobody waits here for anybody else.
  [[nodiscard]] c10::intrusive_ptr<c10d::Store> reached_store(const rendezvous& where) const {
    const bool keeps = rank_ == 0 && !where.agent_store;
    c10d::TCPStoreOptions at;
    at.port = where.port;
    at.isServer = keeps;
    at.waitWorkers = false;
    at.timeout = options_.timeout;
    const clock::time_point began = clock::now();
    try {
      return c10::make_intrusive<c10d::TCPStore>(where.address, at);
    } catch (const std::exception& error) {
      const std::string place = where.address + ':' + std::to_string(where.port) + " (MASTER_ADDR, MASTER_PORT)";
      if (keeps) {
        fail("process_group: ", who(), " cannot keep the store at ", place, ": ", detail::first_line(error));
      }
      fail("process_group: ", who(), " waited ", seconds_since(began), " s for ",
           where.agent_store ? "the launcher's" : "rank 0's", " store at ", place, ": ", detail::first_line(error));
    }
  }

  void meet(c10::intrusive_ptr<c10d::Store> store, const std::string& prefix) {
    store_ = c10::make_intrusive<c10d::PrefixStore>(prefix, std::move(store));
    call_the_roll();
    together("connect", [this] {
      gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
          store_, rank_, world_, c10d::ProcessGroupGloo::Options::create_default(options_.timeout));
    });
  }

  // Gloo would wait just as well, but could not say for whom.
  void call_the_roll() const {
    const auto here = [](int rank) { return "here/" + std::to_string(rank); };
    const clock::time_point began = clock::now();
    std::vector<std::string> all;
    for (int rank = 0; rank < world_; ++rank) {
      all.push_back(here(rank));
    }
    std::string missing;
    try {
      store_->set(here(rank_), std::vector<std::uint8_t>{1});
      try {
        store_->wait(all, options_.timeout);
        return;
      } catch (const std::exception&) {
        for (int rank = 0; rank < world_; ++rank) {
          missing += store_->check({here(rank)}) ? "" : (missing.empty() ? "rank " : ", rank ") + std::to_string(rank);
        }
      }
    } catch (const std::exception& error) {
      fail("process_group: ", who(), " lost the store after ", seconds_since(began),
           " s of waiting for the others: ", detail::first_line(error));
    }
    fail("process_group: ", who(), " waited ", seconds_since(began), " s for ",
         missing.empty() ? "the others, the last of which came just too late" : missing + " to start");
  }

  template <class Work>
  void together(const char* what, Work work) const {
    const clock::time_point began = clock::now();
    try {
      work();
    } catch (const std::exception& error) {
      fail("process_group: ", who(), " waited ", seconds_since(began), " s for the others to ", what, ": ",
           detail::first_line(error));
    }
  }

  template <class Send>
  void in_buckets(const std::vector<at::Tensor>& tensors, const char* what, Send send) const {
    if (world_ == 1 || tensors.empty()) {
      return;
    }
    const at::NoGradGuard no_gradient;
    const std::vector<detail::bucket> buckets = detail::buckets_of(tensors, options_.bucket_bytes);
    together(what, [&] {
      std::vector<std::vector<at::Tensor>> flats;
      std::vector<c10::intrusive_ptr<c10d::Work>> works;
      for (const detail::bucket& members : buckets) {
        flats.push_back({detail::flattened(tensors, members)});
        works.push_back(send(flats.back()));
      }
      for (std::size_t i = 0; i < buckets.size(); ++i) {
        works[i]->wait();
        detail::put_back(flats[i].front(), tensors, buckets[i]);
      }
    });
  }

  int rank_;
  int world_;
  process_group_options options_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
};

}  // namespace redoubt
