#pragma once

#include "refusals.hpp"

#include <ATen/core/Tensor.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace redoubt::program {

/// More is waiting than was allowed for.
struct queue_full : too_busy {
  using too_busy::too_busy;
};

struct batcher_options {
  std::int64_t most_samples = 64;            ///< that are inferred at once; >= 1. A request of more goes piece by piece
  std::chrono::microseconds patience{2000};  ///< how long a request waits for others, from when it came
  std::int64_t most_waiting = 1024;          ///< samples in the queue; >= 1
};

/// The model that answers at a moment.
struct model_in_use {
  std::int64_t version = 0;
  std::function<at::Tensor(const at::Tensor&)> infer;  ///< [N, ...] to [N, C]
};

/// What a model made of a request.
struct batched_answer {
  at::Tensor rows;           ///< [n, C]
  std::int64_t version = 0;  ///< of the model, one for all rows
};

/// Infers what several threads ask for in common batches, on a thread of its own.
class batcher {
 public:
  /// `current` is asked for the model before each batch; model and `current` are called by one thread alone.
  batcher(batcher_options options, std::function<model_in_use()> current);
  batcher(const batcher&) = delete;
  batcher& operator=(const batcher&) = delete;
  /// Answers all that is waiting first.
  ~batcher();

  /// The rows that belong to x [n, ...], n >= 1, whose samples are of the shape and type of all others.
  ///
  /// Throws queue_full. The future throws what the model throws on x alone: where a batch of several fails, each is
  /// tried by itself, so that nobody fails for his neighbours.
  [[nodiscard]] std::future<batched_answer> submit(at::Tensor x);

  /// Samples that wait.
  [[nodiscard]] std::int64_t waiting() const;

 private:
  struct request {
    at::Tensor x;
    std::chrono::steady_clock::time_point came;
    std::promise<batched_answer> answer;
  };

  void work();
  [[nodiscard]] std::vector<request> next_batch();
  void answer(std::vector<request>& batch) const;
  void answer_alone(request& one, const model_in_use& model) const;
  [[nodiscard]] at::Tensor in_pieces(const at::Tensor& x, const model_in_use& model) const;

  batcher_options options_;
  std::function<model_in_use()> current_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<request> queue_;
  std::int64_t waiting_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // last: it runs as soon as it is there
};

}  // namespace redoubt::program
