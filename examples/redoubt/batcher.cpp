#include "batcher.hpp"

#include <ATen/ops/cat.h>

#include <exception>
#include <redoubt/core/error.hpp>
#include <string>
#include <utility>

namespace redoubt::program {

batcher::batcher(batcher_options options, std::function<model_in_use()> current)
    : options_{options}, current_{std::move(current)}, thread_{[this] { work(); }} {}

batcher::~batcher() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  arrived_.notify_all();
  thread_.join();
}

std::future<batched_answer> batcher::submit(at::Tensor x) {
  std::future<batched_answer> answer;
  bool wakes = false;
  {
    const std::scoped_lock lock{mutex_};
    // An empty queue takes a request of any size: it would fit at no other time either.
    if (!queue_.empty() && waiting_ + x.size(0) > options_.most_waiting) {
      throw queue_full("the queue is full: " + std::to_string(waiting_) + " samples wait, at most " +
                       std::to_string(options_.most_waiting) + " may; try again");
    }
    waiting_ += x.size(0);
    queue_.push_back({std::move(x), std::chrono::steady_clock::now(), {}});
    answer = queue_.back().answer.get_future();
    // Only what changes what the thread waits for: woken by each of 64, it would take longer than they do.
    wakes = queue_.size() == 1 || waiting_ >= options_.most_samples;
  }
  if (wakes) {
    arrived_.notify_one();
  }
  return answer;
}

std::int64_t batcher::waiting() const {
  const std::scoped_lock lock{mutex_};
  return waiting_;
}

void batcher::work() {
  while (true) {
    std::vector<request> batch = next_batch();
    if (batch.empty()) {
      return;
    }
    answer(batch);
  }
}

// Empty once there is nothing more to do.
std::vector<batcher::request> batcher::next_batch() {
  std::unique_lock lock{mutex_};
  arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (!queue_.empty()) {
    const auto deadline = queue_.front().came + options_.patience;
    arrived_.wait_until(lock, deadline, [this] { return stopping_ || waiting_ >= options_.most_samples; });
  }
  std::vector<request> batch;
  std::int64_t samples = 0;
  while (!queue_.empty() && (batch.empty() || samples + queue_.front().x.size(0) <= options_.most_samples)) {
    samples += queue_.front().x.size(0);
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  waiting_ -= samples;
  return batch;
}

void batcher::answer(std::vector<request>& batch) const {
  const model_in_use model = current_();
  if (batch.size() == 1) {
    return answer_alone(batch.front(), model);
  }
  std::vector<at::Tensor> parts;
  parts.reserve(batch.size());
  for (const request& each : batch) {
    parts.push_back(each.x);
  }
  at::Tensor all;
  try {
    all = model.infer(at::cat(parts));
  } catch (const std::exception&) {  // who is to blame shows below
    for (request& each : batch) {
      answer_alone(each, model);
    }
    return;
  }
  std::int64_t first = 0;
  for (request& each : batch) {
    each.answer.set_value({all.narrow(0, first, each.x.size(0)), model.version});
    first += each.x.size(0);
  }
}

void batcher::answer_alone(request& one, const model_in_use& model) const {
  try {
    one.answer.set_value({in_pieces(one.x, model), model.version});
  } catch (...) {
    one.answer.set_exception(std::current_exception());
  }
}

// What a network holds of its input on the way is many times the input: a large request must not take the memory for
// all.
at::Tensor batcher::in_pieces(const at::Tensor& x, const model_in_use& model) const {
  if (x.size(0) <= options_.most_samples) {
    return model.infer(x);
  }
  std::vector<at::Tensor> parts;
  for (const at::Tensor& piece : x.split(options_.most_samples)) {
    parts.push_back(model.infer(piece));
  }
  return at::cat(parts);
}

}  // namespace redoubt::program
