#include "batcher.hpp"

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace redoubt::program;
using namespace std::chrono_literals;

namespace {

// Infers x + `version`, which is 1 unless it `swaps` before each batch; notes the sizes of batches, refuses a batch
// with a negative number, and can be held up.
struct recorder {
  std::mutex mutex;
  std::vector<std::int64_t> sizes;
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::atomic<int> entered = 0;
  std::int64_t version = 1;
  bool swaps = false;

  std::function<model_in_use()> current() {
    return [this] {
      const std::int64_t now = version;
      version += swaps ? 1 : 0;
      return model_in_use{now, infer(now)};
    };
  }

  std::function<at::Tensor(const at::Tensor&)> infer(std::int64_t added) {
    return [this, added](const at::Tensor& x) {
      ++entered;
      open.wait();
      const std::scoped_lock lock{mutex};
      sizes.push_back(x.size(0));
      if (x.lt(0).any().item<bool>()) {
        throw std::runtime_error("a negative number");
      }
      return x.add(added);
    };
  }

  // Waits until the first batch is inferred, behind which all others queue.
  void wait_for_first() const {
    while (entered == 0) {
      std::this_thread::sleep_for(1ms);
    }
  }
};

}  // namespace

TEST_CASE("batcher: what waits is inferred together, never more at once than allowed, and each gets his rows") {
  recorder model;
  batcher all{{.most_samples = 4, .patience = 0us, .most_waiting = 100}, model.current()};
  std::vector<std::future<batched_answer>> answers;
  answers.push_back(all.submit(at::full({1, 2}, 0.0)));
  model.wait_for_first();
  for (const int samples : {1, 2, 2, 1, 5}) {
    answers.push_back(all.submit(at::full({samples, 2}, static_cast<double>(answers.size()))));
  }
  CHECK(all.waiting() == 11);
  model.gate.set_value();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CHECK(answers[i].get().rows.eq(static_cast<double>(i) + 1).all().item<bool>());
  }
  CHECK(model.sizes == std::vector<std::int64_t>{1, 3, 3, 4, 1});
  CHECK(all.waiting() == 0);
}

TEST_CASE("batcher: all rows of a request are of the version that its answer names, whoever takes over meanwhile") {
  recorder model;
  model.swaps = true;
  model.gate.set_value();
  batcher all{{.most_samples = 2, .patience = 0us, .most_waiting = 100}, model.current()};
  for (std::int64_t version = 1; version <= 3; ++version) {
    const batched_answer answer = all.submit(at::zeros({5, 2})).get();
    CHECK(answer.version == version);
    CHECK(answer.rows.eq(version).all().item<bool>());
  }
}

TEST_CASE("batcher: nobody fails for his neighbours") {
  recorder model;
  batcher all{{.most_samples = 8, .patience = 0us, .most_waiting = 100}, model.current()};
  auto first = all.submit(at::zeros({1, 2}));
  model.wait_for_first();
  auto good = all.submit(at::zeros({1, 2}));
  auto bad = all.submit(at::full({1, 2}, -1.0));
  model.gate.set_value();
  CHECK(first.get().rows.eq(1).all().item<bool>());
  CHECK(good.get().rows.eq(1).all().item<bool>());
  CHECK_THROWS_WITH_AS(bad.get(), "a negative number", std::runtime_error);
}

TEST_CASE("batcher: a full queue refuses, and takes again once it has emptied") {
  recorder model;
  batcher all{{.most_samples = 2, .patience = 0us, .most_waiting = 3}, model.current()};
  auto first = all.submit(at::zeros({1, 2}));
  model.wait_for_first();
  auto second = all.submit(at::zeros({2, 2}));
  CHECK_THROWS_AS(static_cast<void>(all.submit(at::zeros({2, 2}))), queue_full);
  auto third = all.submit(at::zeros({1, 2}));
  model.gate.set_value();
  for (auto* each : {&first, &second, &third}) {
    each->get();
  }
  CHECK(all.submit(at::zeros({9, 2})).get().rows.size(0) == 9);
}

TEST_CASE("batcher: answers what waits before it goes") {
  recorder model;
  std::future<batched_answer> last;
  {
    batcher all{{.most_samples = 1, .patience = 0us, .most_waiting = 100}, model.current()};
    static_cast<void>(all.submit(at::zeros({1, 2})));
    last = all.submit(at::zeros({1, 2}));
    model.gate.set_value();
  }
  CHECK(last.get().rows.eq(1).all().item<bool>());
}
