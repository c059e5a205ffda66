#include <redoubt/distributed/share.hpp>

#include "../program/temporary_folder.hpp"
#include "../train/small_problem.hpp"
#include "ranks.hpp"

#include <doctest/doctest.h>

#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/distributed/resume.hpp>
#include <redoubt/distributed/weights.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/train/adversarial_trainer.hpp>
#include <string>
#include <vector>

using redoubt::adversarial_trainer;
using redoubt::labelled_data;
using redoubt::process_group;
using redoubt::rendezvous;
using redoubt::training_options;
using redoubt::training_progress;
using small::same_bits;
using small::state_of;

namespace {

redoubt::pgd<redoubt::linf> training_attack() {
  return {redoubt::linf{.radius = 0.1}, {.step = 0.07, .steps = 2, .seed = 5, .keep = redoubt::iterate::last}};
}

/// Batches of 7, which no number of ranks divides, and a last one of 2, of which a third rank has nothing.
training_options options_of(const labelled_data& held_out) {
  return {.epochs = 3, .batch = 7, .averaging = 0.9, .held_out = held_out, .seed = 3};
}

/// What a training leaves: the weights, and what it told at each step.
struct result {
  std::vector<at::Tensor> state;
  std::vector<training_progress> told;
};

template <class Model, class Attack>
result trained(const process_group& group, Model model, const Attack& attack, const labelled_data& data,
               training_options options) {
  result found;
  options.share = redoubt::share_of(group);
  options.progress = [&](const training_progress& now) { found.told.push_back(now); };
  broadcast_weights(group, model);
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
  adversarial_trainer{model, attack, optimizer, data, options}.run();
  found.state = state_of(model);
  return found;
}

double farthest(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  double distance = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    distance = std::max(distance, a[i].to(at::kDouble).sub(b[i].to(at::kDouble)).abs().max().item<double>());
  }
  return distance;
}

/// Perceptrons with BatchNorm and no dropout, of the same weights, one for each rank.
std::vector<redoubt::nn_model<small::noisy_perceptron>> normed(int count) {
  std::vector<redoubt::nn_model<small::noisy_perceptron>> models;
  for (int i = 0; i < count; ++i) {
    models.push_back(small::made<small::noisy_perceptron>(1));
    models.back().module().dropout->options.p(0);
  }
  return models;
}

}  // namespace

TEST_CASE("many ranks learn what one process learns, from batches that they cannot divide") {
  const labelled_data data = small::accurate_or_robust(72, 1);  // 10 batches of 7, one of 2
  const labelled_data held_out = small::accurate_or_robust(31, 2);
  const result alone =
      trained(process_group{rendezvous{}}, small::scripted(1), training_attack(), data, options_of(held_out));
  for (const int world : {2, 3}) {
    CAPTURE(world);
    std::vector<result> found(static_cast<std::size_t>(world));
    CHECK(ranks::together(world, [&](const process_group& group) {
            found[static_cast<std::size_t>(group.rank())] =
                trained(group, small::scripted(static_cast<std::uint64_t>(group.rank()) + 1), training_attack(), data,
                        options_of(held_out));
          }) == ranks::nothing(world));
    CHECK(farthest(found[0].state, alone.state) < 1e-4);
    CHECK(farthest(small::state_of(small::scripted(1)), alone.state) > 0.1);  // all have moved far more than that
    REQUIRE(found[0].told.size() == 33);
    for (std::size_t i = 0; i < 33; ++i) {
      CHECK(found[0].told[i].loss == doctest::Approx(alone.told[i].loss).epsilon(1e-4));
      CHECK(found[0].told[i].accuracy == doctest::Approx(alone.told[i].accuracy).epsilon(0.03));
      CHECK(found[0].told[i].step == alone.told[i].step);
      REQUIRE(found[0].told[i].held_out.has_value() == alone.told[i].held_out.has_value());
      if (alone.told[i].held_out) {
        CHECK(std::abs(found[0].told[i].held_out->clean - alone.told[i].held_out->clean) < 1.5 / 31);
        CHECK(std::abs(found[0].told[i].held_out->pgd - alone.told[i].held_out->pgd) < 1.5 / 31);
      }
    }
    for (const result& each : found) {
      CHECK(same_bits(each.state, found[0].state));
      for (std::size_t i = 0; i < 33; ++i) {
        CHECK(each.told[i].loss == found[0].told[i].loss);
        CHECK(each.told[i].accuracy == found[0].told[i].accuracy);
      }
    }
  }
}

TEST_CASE("together the ranks visit one process's rows, batch by batch, each row once") {
  const labelled_data data = small::accurate_or_robust(20, 1);
  std::mutex mutex;
  const auto rows_of = [&](int world) {
    std::vector<std::int64_t> seen;
    const auto note = [&](auto&, const at::Tensor& x, const at::Tensor&, const at::Tensor& rows) {
      const std::lock_guard lock{mutex};
      const auto each = redoubt::detail::vector_of<std::int64_t>(rows);
      seen.insert(seen.end(), each.begin(), each.end());
      return x;
    };
    CHECK(ranks::together(world, [&](const process_group& group) {
            trained(group, small::scripted(1), note, data, {.epochs = 2, .batch = 7, .seed = 3});
          }) == ranks::nothing(world));
    for (std::size_t first = 0; first < seen.size(); first += 7) {  // a step's rows, of whichever rank came first
      std::sort(seen.begin() + static_cast<std::ptrdiff_t>(first),
                seen.begin() + static_cast<std::ptrdiff_t>(std::min(first + 7, seen.size())));
    }
    return seen;
  };
  // 20 = 7 + 7 + 6: two epochs of one process begin anew at 20, so compare them sorted over each epoch's three batches.
  std::vector<std::int64_t> alone = rows_of(1);
  std::vector<std::int64_t> shared = rows_of(3);
  REQUIRE(alone.size() == 40);
  REQUIRE(shared.size() == 40);
  CHECK(std::vector(alone.begin(), alone.begin() + 14) == std::vector(shared.begin(), shared.begin() + 14));
  std::sort(alone.begin(), alone.end());
  std::sort(shared.begin(), shared.end());
  CHECK(alone == shared);
  for (std::int64_t row = 0; row < 40; ++row) {
    CHECK(alone[static_cast<std::size_t>(row)] == row);
  }
}

TEST_CASE("BatchNorm's running mean is that of the whole batch, and its variance close to it, on every rank") {
  const labelled_data data = small::accurate_or_robust(9, 1);  // one batch: 5 and 4
  const training_options one_step{.epochs = 1, .batch = 9, .seed = 3};
  auto models = normed(3);
  const result alone = trained(process_group{rendezvous{}}, models[2], redoubt::no_attack{}, data, one_step);
  std::vector<result> found(2);
  CHECK(ranks::together(2, [&](const process_group& group) {
          const auto rank = static_cast<std::size_t>(group.rank());
          found[rank] = trained(group, models[rank], redoubt::no_attack{}, data, one_step);
        }) == ranks::nothing(2));
  CHECK(same_bits(found[0].state, found[1].state));
  const std::size_t buffers = found[0].state.size() - 3;  // running mean, running variance, batches seen
  const at::Tensor mean = found[0].state[buffers];
  const at::Tensor variance = found[0].state[buffers + 1];
  CHECK(at::allclose(mean, alone.state[buffers], 0, 1e-7));
  CHECK_FALSE(at::equal(mean, at::zeros_like(mean)));
  CHECK(at::allclose(variance, alone.state[buffers + 1], 0.05, 0));
  CHECK(found[0].state[buffers + 2].item<std::int64_t>() == 1);
}

TEST_CASE("a BatchNorm that its owner froze stays as it is, to the last bit") {
  const labelled_data data = small::accurate_or_robust(20, 1);
  auto models = normed(2);
  for (auto& model : models) {
    const at::NoGradGuard no_gradient;
    model.buffers()[0].fill_(0.1);
    model.buffers()[1].fill_(1. / 3);
    model.module().norm->train(false);
  }
  const std::vector<at::Tensor> before = state_of(models[0]);
  CHECK(ranks::together(2, [&](const process_group& group) {
          trained(group, models[static_cast<std::size_t>(group.rank())], training_attack(), data,
                  {.epochs = 1, .batch = 7});
        }) == ranks::nothing(2));
  const std::vector<at::Tensor> after = state_of(models[0]);
  for (std::size_t i = after.size() - 3; i < after.size(); ++i) {
    CHECK(same_bits(before[i], after[i]));
  }
}

TEST_CASE("a training that stopped and went on, in a checkpoint that rank 0 alone can read, ends with the same bits") {
  const temporary_folder folder;
  const labelled_data data = small::accurate_or_robust(30, 1);
  const labelled_data held_out = small::accurate_or_robust(11, 2);
  const std::string checkpoint = (folder / "checkpoint.pt").string();
  const auto run = [&](const process_group& group, auto use) {
    const redoubt::script_model model = small::scripted(1);
    torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
    training_options options = options_of(held_out);
    options.share = redoubt::share_of(group);
    adversarial_trainer trainer{model, training_attack(), optimizer, data, options};
    use(trainer);
    return state_of(model);
  };
  std::vector<at::Tensor> whole;
  std::vector<std::vector<at::Tensor>> parts(2);
  CHECK(ranks::together(2, [&](const process_group& group) {
          const std::vector<at::Tensor> state = run(group, [](auto& trainer) { trainer.run(); });
          if (group.rank() == 0) {
            whole = state;
          }
        }) == ranks::nothing(2));
  CHECK(ranks::together(2, [&](const process_group& group) {
          // Where a rank that is not the first would look, there is nothing, and it writes nothing there.
          const std::string path = group.rank() == 0 ? checkpoint : (folder / "elsewhere/checkpoint.pt").string();
          run(group, [&](auto& trainer) {
            if (redoubt::resume_together(group, trainer, path)) {
              throw std::runtime_error("a checkpoint out of nothing");
            }
            for (int step = 0; step < 7; ++step) {
              trainer.step();
            }
            trainer.save(path);
          });
          group.wait();
          parts[static_cast<std::size_t>(group.rank())] = run(group, [&](auto& trainer) {
            if (!redoubt::resume_together(group, trainer, path)) {
              throw std::runtime_error("the checkpoint was not found");
            }
            trainer.run();
          });
        }) == ranks::nothing(2));
  CHECK(same_bits(parts[0], whole));
  CHECK(same_bits(parts[1], whole));
  CHECK(folder.entries() == 1);
}

TEST_CASE("a checkpoint that is damaged is refused on every rank") {
  const temporary_folder folder;
  const std::string checkpoint = (folder / "checkpoint.pt").string();
  std::ofstream{checkpoint} << "this is none";
  const labelled_data data = small::accurate_or_robust(30, 1);
  const std::vector<std::string> errors = ranks::together(2, [&](const process_group& group) {
    const redoubt::script_model model = small::scripted(1);
    torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
    adversarial_trainer trainer{model, training_attack(), optimizer, data, {.share = redoubt::share_of(group)}};
    redoubt::resume_together(group, trainer, checkpoint);
  });
  CHECK(errors[0] == "cannot read the checkpoint " + checkpoint + ": damaged or not a checkpoint");
  CHECK(errors[1].ends_with(": damaged or not a checkpoint"));
}

TEST_CASE("a share that is none is refused") {
  const labelled_data data = small::accurate_or_robust(8, 1);
  const redoubt::script_model model = small::scripted(1);
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
  const auto refused = [&](const redoubt::training_share& share) {
    CHECK_THROWS_AS((adversarial_trainer{model, redoubt::no_attack{}, optimizer, data, {.share = share}}),
                    std::invalid_argument);
  };
  refused({.rank = 0, .world = 0});
  refused({.rank = 2, .world = 2, .sum_gradients = [](const auto&) {}, .sum = [](const auto&) {}});
  refused({.rank = 0, .world = 2});
}
