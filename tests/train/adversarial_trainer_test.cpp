#include <redoubt/train/adversarial_trainer.hpp>

#include <doctest/doctest.h>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/modules/conv.h>
#include <torch/optim/adam.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/train/augment.hpp>
#include <redoubt/train/schedule.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "../program/temporary_folder.hpp"
#include "small_problem.hpp"

using redoubt::adversarial_trainer;
using redoubt::labelled_data;
using redoubt::linf;
using redoubt::no_attack;
using redoubt::overfitting;
using redoubt::pgd;
using redoubt::training_options;
using redoubt::training_progress;
using small::same_bits;
using small::state_of;

namespace {

pgd<linf> training_attack() {
  return {linf{.radius = 0.1}, {.step = 0.07, .steps = 2, .seed = 5, .keep = redoubt::iterate::last}};
}

template <class Model>
double accuracy_under_pgd(const Model& model, const labelled_data& data) {
  const pgd attack{linf{.radius = 0.1}, {.step = 0.025, .steps = 20}};
  return redoubt::accuracy(model, attack(model, data.x, data.y), data.y);
}

/// Trains with Adam to the end.
template <class Model, class Attack>
void train(Model model, const Attack& attack, const labelled_data& data, const training_options& options,
           double rate = 0.02) {
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{rate}};
  adversarial_trainer{model, attack, optimizer, data, options}.run();
}

/// Notes what a training shows its attack, and changes nothing.
struct spy {
  struct notes {
    std::vector<std::vector<bool>> modes;
    std::vector<at::Tensor> buffers;
    std::vector<at::Tensor> x;
    std::vector<at::Tensor> rows;
  };
  std::shared_ptr<notes> seen = std::make_shared<notes>();

  template <class Model>
  at::Tensor operator()(Model&& model, const at::Tensor& x, const at::Tensor& /*y*/, const at::Tensor& rows) const {
    seen->modes.push_back(model.modes());
    static_cast<void>(model(x));
    for (const at::Tensor& buffer : model.buffers()) {
      seen->buffers.push_back(buffer.clone());
    }
    seen->x.push_back(x.clone());
    seen->rows.push_back(rows.clone());
    return x;
  }
};

}  // namespace

TEST_CASE("adversarial training is robust where standard training is accurate and not robust") {
  const labelled_data learnt = small::accurate_or_robust(1024, 1);
  const labelled_data others = small::accurate_or_robust(1000, 2);
  const training_options options{.epochs = 12, .batch = 64, .schedule = redoubt::one_cycle{0.02}};
  const auto shows = [&](const auto& standard, const auto& hardened) {
    train(standard, no_attack{}, learnt, options);
    train(hardened, training_attack(), learnt, options);
    CHECK(redoubt::accuracy(standard, others.x, others.y) > 0.95);
    CHECK(accuracy_under_pgd(standard, others) < 0.2);
    CHECK(redoubt::accuracy(hardened, others.x, others.y) > 0.85);
    CHECK(accuracy_under_pgd(hardened, others) > 0.85);
  };
  SUBCASE("torch::nn") {
    shows(small::made<small::perceptron>(1), small::made<small::perceptron>(2));
  }
  SUBCASE("TorchScript") {
    shows(small::scripted(1), small::scripted(2));
  }
}

TEST_CASE("the same seed trains the same weights to the bit, another seed others") {
  const labelled_data data = small::accurate_or_robust(200, 3);
  const auto trained = [&](std::uint64_t seed) {
    const auto model = small::scripted(7);
    train(model, training_attack(), data, {.epochs = 2, .batch = 32, .averaging = 0.9, .seed = seed});
    return state_of(model);
  };
  const auto first = trained(1);
  CHECK(same_bits(trained(1), first));
  CHECK_FALSE(same_bits(trained(2), first));
}

TEST_CASE("a step without an attack is the optimizer's own step on the mean loss of the batch") {
  const labelled_data data = small::accurate_or_robust(24, 4);
  const auto model = small::made<small::perceptron>(3);
  const auto other = small::made<small::perceptron>(3);
  REQUIRE(same_bits(state_of(model), state_of(other)));
  torch::optim::SGD optimizer{model.parameters(), torch::optim::SGDOptions{0.5}};
  adversarial_trainer trainer{model, no_attack{}, optimizer, data, {.epochs = 1, .batch = 24}};
  const training_progress now = trainer.step();

  const at::Tensor loss = at::nll_loss(other(data.x).log_softmax(1), data.y);
  CHECK(now.loss == doctest::Approx(loss.item<double>()));
  const auto gradients = torch::autograd::grad({loss}, other.parameters());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const at::Tensor expected = other.parameters()[i] - 0.5 * gradients[i];
    CHECK(model.parameters()[i].allclose(expected, 1e-5, 1e-6));
  }
}

TEST_CASE("each epoch visits every sample once, in another order, as a row of its own") {
  const labelled_data data{at::arange(23, at::kFloat).div(23).view({23, 1}).expand({23, small::features}),
                           at::arange(23).remainder(2)};
  const spy attack;
  train(small::made<small::perceptron>(1), attack, data, {.epochs = 3, .batch = 5, .seed = 9});
  REQUIRE(attack.seen->rows.size() == 15);
  std::vector<std::vector<std::int64_t>> orders;
  for (std::size_t step = 0; step < 15; ++step) {
    const auto epoch = static_cast<std::int64_t>(step) / 5;
    const at::Tensor rows = attack.seen->rows[step] - 23 * epoch;
    REQUIRE(rows.size(0) == (step % 5 == 4 ? 3 : 5));
    REQUIRE(attack.seen->x[step].equal(data.x.index_select(0, rows)));
    if (step % 5 == 0) {
      orders.emplace_back();
    }
    for (std::int64_t i = 0; i < rows.size(0); ++i) {
      orders.back().push_back(rows[i].item<std::int64_t>());
    }
  }
  CHECK(orders[0] != orders[1]);
  CHECK(orders[1] != orders[2]);
  std::vector<std::int64_t> all(23);
  std::iota(all.begin(), all.end(), 0);
  for (auto& order : orders) {
    std::sort(order.begin(), order.end());
    CHECK(order == all);
  }
}

TEST_CASE("the attack sees every submodule in eval mode, and the training forward is in the caller's modes") {
  const labelled_data data = small::accurate_or_robust(40, 5);
  const auto model = small::made<small::noisy_perceptron>(1);
  model.module().dropout->eval();  // frozen by its owner
  const std::vector<bool> modes = model.modes();
  torch::optim::SGD optimizer{model.parameters(), torch::optim::SGDOptions{0.1}};
  const spy attack;
  adversarial_trainer trainer{model, attack, optimizer, data, {.epochs = 2, .batch = 8, .held_out = data}};
  while (!trainer.done()) {
    trainer.step();
    REQUIRE(model.modes() == modes);
    const auto seen = attack.seen->modes.back();
    REQUIRE(std::none_of(seen.begin(), seen.end(), [](bool training) { return training; }));
  }
  trainer.finish();
  const auto after = model.modes();
  CHECK(std::none_of(after.begin(), after.end(), [](bool training) { return training; }));
}

TEST_CASE("BatchNorm's statistics move once a step, with the adversarial batch alone") {
  const labelled_data data = small::accurate_or_robust(30, 6);
  const auto model = small::made<small::noisy_perceptron>(1);
  torch::optim::SGD optimizer{model.parameters(), torch::optim::SGDOptions{0.1}};
  const auto attack = training_attack();
  adversarial_trainer trainer{model, attack, optimizer, data, {.epochs = 1, .batch = 10, .held_out = data}};
  const auto order = redoubt::permutation(30, 0, 0);
  at::Tensor mean = at::zeros({16});
  for (std::int64_t step = 0; step < 3; ++step) {
    const at::Tensor rows =
        at::tensor(std::vector<std::int64_t>(order.begin() + step * 10, order.begin() + step * 10 + 10));
    const labelled_data batch = data.at(rows);
    at::Tensor attacked;
    {
      const redoubt::eval_scope scope{model};
      attacked = attack(model, batch.x, batch.y, rows);
    }
    {
      const at::NoGradGuard no_gradient;
      mean = 0.9 * mean + 0.1 * model.module().hidden(attacked - 0.5).mean(0);
    }
    trainer.step();
    CHECK(model.module().norm->running_mean.allclose(mean, 1e-5, 1e-6));
    CHECK(model.module().norm->num_batches_tracked.item<std::int64_t>() == step + 1);
  }
}

TEST_CASE("parameters without a gradient stay as they are to the bit, also under averaging") {
  const labelled_data data = small::accurate_or_robust(64, 7);
  const auto model = small::made<small::perceptron>(1);
  std::vector<at::Tensor> trained;
  for (const at::Tensor& parameter : model.module().hidden->parameters()) {
    parameter.set_requires_grad(false);
  }
  const auto before = state_of(model);
  torch::optim::Adam optimizer{model.module().logits->parameters(), torch::optim::AdamOptions{0.05}};
  adversarial_trainer trainer{model, training_attack(), optimizer, data, {.epochs = 6, .batch = 16, .averaging = 0.95}};
  trainer.run();
  const auto after = state_of(model);
  CHECK(same_bits(after[0], before[0]));
  CHECK(same_bits(after[1], before[1]));
  CHECK_FALSE(same_bits(after[2], before[2]));
}

TEST_CASE("any optimizer trains, and a schedule sets the rate of each of its groups") {
  const labelled_data data = small::accurate_or_robust(128, 8);
  const auto losses = [&](const auto& make_optimizer) {
    const auto model = small::made<small::perceptron>(1);
    const auto parts = std::vector{model.module().hidden->parameters(), model.module().logits->parameters()};
    auto optimizer = make_optimizer(std::vector<torch::optim::OptimizerParamGroup>{
        torch::optim::OptimizerParamGroup{parts[0]}, torch::optim::OptimizerParamGroup{parts[1]}});
    std::vector<double> loss;
    const redoubt::one_cycle rate{0.05};
    adversarial_trainer trainer{model, no_attack{}, optimizer, data, {.epochs = 6, .batch = 32, .schedule = rate}};
    while (!trainer.done()) {
      const training_progress now = trainer.step();
      const double expected = rate((static_cast<double>(now.step) - 0.5) / 24);
      REQUIRE(now.learning_rate == expected);
      for (auto& group : optimizer.param_groups()) {
        REQUIRE(group.options().get_lr() == expected);
      }
      loss.push_back(now.loss);
    }
    CHECK(loss.back() < 0.93 * loss.front());
  };
  losses([](const auto& groups) { return torch::optim::Adam{groups, torch::optim::AdamOptions{1}}; });
  losses([](const auto& groups) { return torch::optim::SGD{groups, torch::optim::SGDOptions{1}.momentum(0.9)}; });
  losses([](const auto& groups) { return torch::optim::RMSprop{groups, torch::optim::RMSpropOptions{1}}; });
}

TEST_CASE("without a schedule the optimizer keeps its own rate") {
  const labelled_data data = small::accurate_or_robust(32, 8);
  const auto model = small::made<small::perceptron>(1);
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.0125}};
  adversarial_trainer trainer{model, no_attack{}, optimizer, data, {.epochs = 1, .batch = 16}};
  CHECK(trainer.step().learning_rate == 0.0125);
  CHECK(optimizer.param_groups()[0].options().get_lr() == 0.0125);
}

TEST_CASE("the progress callback is called once a step with what was done") {
  const labelled_data data = small::accurate_or_robust(50, 9);
  std::vector<training_progress> told;
  const auto model = small::made<small::perceptron>(1);
  torch::optim::SGD optimizer{model.parameters(), torch::optim::SGDOptions{0.1}};
  adversarial_trainer trainer{model,
                              training_attack(),
                              optimizer,
                              data,
                              {.epochs = 3,
                               .batch = 16,
                               .held_out = small::accurate_or_robust(20, 1),
                               .progress = [&](const training_progress& now) { told.push_back(now); }}};
  CHECK(trainer.steps() == 12);
  trainer.run();
  REQUIRE(told.size() == 12);
  for (std::int64_t i = 0; i < 12; ++i) {
    const training_progress& now = told[static_cast<std::size_t>(i)];
    CHECK(now.step == i + 1);
    CHECK(now.steps == 12);
    CHECK(now.epoch == (i + 1) / 4);
    CHECK(now.epochs == 3);
    CHECK(now.loss > 0);
    CHECK(now.accuracy >= 0);
    CHECK(now.accuracy <= 1);
    CHECK(now.held_out.has_value() == (i % 4 == 3));
  }
  REQUIRE(trainer.history().size() == 3);
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    const auto& look = trainer.history()[epoch];
    const training_progress& now = told[4 * epoch + 3];
    CHECK(look.training_loss == now.loss);
    CHECK(look.pgd == now.held_out->pgd);
    CHECK(look.pgd <= look.clean);
  }
}

TEST_CASE("loss and accuracy are means over the samples of the epoch so far, not over its batches") {
  const labelled_data data = small::accurate_or_robust(20, 10);
  const auto model = small::made<small::perceptron>(1);
  torch::optim::SGD optimizer{model.parameters(), torch::optim::SGDOptions{0}};  // learns nothing: the model stays
  adversarial_trainer trainer{model, no_attack{}, optimizer, data, {.epochs = 2, .batch = 8}};
  for (int epoch = 0; epoch < 2; ++epoch) {
    trainer.step();
    trainer.step();
    const training_progress now = trainer.step();
    CHECK(now.loss == doctest::Approx(redoubt::cross_entropy{}(model(data.x), data.y).mean().item<double>()));
    CHECK(now.accuracy == doctest::Approx(redoubt::accuracy(model, data.x, data.y)));
  }
}

TEST_CASE("looking at held-out data changes no weight") {
  const labelled_data data = small::accurate_or_robust(60, 11);
  const auto trained = [&](const labelled_data& held_out) {
    const auto model = small::made<small::noisy_perceptron>(1);
    at::manual_seed(2);
    train(model, training_attack(), data, {.epochs = 3, .batch = 16, .averaging = 0.9, .held_out = held_out});
    return state_of(model);
  };
  CHECK(same_bits(trained({}), trained(small::accurate_or_robust(30, 12))));
}

TEST_CASE("finish puts the averaged weights into the model") {
  const labelled_data data = small::accurate_or_robust(60, 13);
  const auto model = small::made<small::perceptron>(1);
  std::vector<at::Tensor> expected = state_of(model);
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.05}};
  adversarial_trainer trainer{model, training_attack(), optimizer, data, {.epochs = 4, .batch = 16, .averaging = 0.8}};
  for (int t = 0; !trainer.done(); ++t) {
    trainer.step();
    const double decay = std::min(0.8, (1. + t) / (10 + t));
    const auto now = state_of(model);
    for (std::size_t i = 0; i < now.size(); ++i) {
      expected[i] = decay * expected[i] + (1 - decay) * now[i];
    }
  }
  const auto last = state_of(model);
  trainer.finish();
  const auto final_weights = state_of(model);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(final_weights[i].allclose(expected[i], 1e-5, 1e-6));
    CHECK_FALSE(same_bits(final_weights[i], last[i]));
  }
  trainer.finish();
  CHECK(same_bits(state_of(model), final_weights));
}

TEST_CASE("a training that was finished early goes no further: its weights are the model's") {
  const labelled_data data = small::accurate_or_robust(60, 13);
  const auto model = small::made<small::perceptron>(1);
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.05}};
  adversarial_trainer trainer{model, training_attack(), optimizer, data, {.epochs = 4, .batch = 16, .averaging = 0.8}};
  trainer.step();
  trainer.finish();
  const auto weights = state_of(model);
  CHECK_THROWS_WITH_AS(trainer.step(), "adversarial_trainer: a finished training has no further steps",
                       std::invalid_argument);
  CHECK(same_bits(state_of(model), weights));
}

TEST_CASE("finish puts the weights of the best look into the model where overfitting was noticed") {
  const labelled_data data = small::accurate_or_robust(96, 14);
  const labelled_data held_out = small::accurate_or_robust(200, 15);
  const auto model = small::made<small::noisy_perceptron>(1);
  for (const double averaging : {0., 0.5}) {
    CAPTURE(averaging);
    // A watch so strict that it finds robust overfitting in every look.
    torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
    std::vector<std::vector<at::Tensor>> looks;
    const pgd weak{linf{.radius = 0.02}, {.step = 0.02, .steps = 1, .random_start = false}};
    adversarial_trainer trainer{model,
                                weak,
                                optimizer,
                                data,
                                {.epochs = 8,
                                 .batch = 16,
                                 .averaging = averaging,
                                 .held_out = held_out,
                                 .watch = {.decline = -1, .patience = 1}}};
    while (!trainer.done()) {
      const training_progress now = trainer.step();
      if (now.held_out) {
        looks.push_back(state_of(model));
      }
    }
    REQUIRE(trainer.finding() == overfitting::robust);
    trainer.finish();
    const auto& history = trainer.history();
    const auto best = std::max_element(
        history.begin(), history.end(),
        [](const redoubt::held_out_accuracy& a, const redoubt::held_out_accuracy& b) { return a.pgd < b.pgd; });
    if (averaging == 0) {
      CHECK(same_bits(state_of(model), looks[static_cast<std::size_t>(best - history.begin())]));
    }
    // The final model is the one that was looked at: it shows the same accuracies again.
    CHECK(redoubt::accuracy(model, held_out.x, held_out.y) == best->clean);
    const redoubt::fgsm probe{linf{.radius = 0.02}};
    CHECK(redoubt::accuracy(model, probe(model, held_out.x, held_out.y), held_out.y) == best->fgsm);
    model.train();
  }
}

TEST_CASE("where nothing was noticed the last weights stay") {
  const labelled_data data = small::accurate_or_robust(60, 13);
  const auto model = small::made<small::perceptron>(1);
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
  adversarial_trainer trainer{
      model, training_attack(), optimizer, data, {.epochs = 2, .batch = 16, .held_out = data, .watch = {.decline = 1}}};
  while (!trainer.done()) {
    trainer.step();
  }
  const auto last = state_of(model);
  trainer.finish();
  CHECK(trainer.finding() == overfitting::none);
  CHECK(same_bits(state_of(model), last));
}

TEST_CASE("images of bytes train as their 255ths do") {
  const labelled_data floats{small::accurate_or_robust(64, 16).x.mul(255).round().div(255),
                             small::accurate_or_robust(64, 16).y};
  const labelled_data bytes{floats.x.mul(255).round().to(at::kByte), floats.y};
  const auto trained = [&](const labelled_data& data) {
    const auto model = small::made<small::perceptron>(1);
    train(model, training_attack(), data, {.epochs = 2, .batch = 16, .held_out = data});
    return state_of(model);
  };
  const auto one = trained(floats);
  const auto other = trained(bytes);
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].allclose(other[i], 1e-3, 1e-4));
  }
}

TEST_CASE("augmentation comes before the attack, anew at each visit") {
  const labelled_data data = small::accurate_or_robust(12, 17);
  std::vector<at::Tensor> rows;
  const spy attack;
  train(small::made<small::perceptron>(1), attack, data,
        {.epochs = 2, .batch = 12, .augment = [&](const at::Tensor& x, const at::Tensor& visits) {
           rows.push_back(visits.clone());
           return x.mul(0).add(0.25);
         }});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].min().item<std::int64_t>() == 0);
  CHECK(rows[1].min().item<std::int64_t>() == 12);
  CHECK(attack.seen->rows[1].equal(rows[1]));
  CHECK(attack.seen->x[0].eq(0.25).all().item<bool>());
}

TEST_CASE("the loss is the one that was asked for") {
  const labelled_data data = small::accurate_or_robust(16, 18);
  const auto model = small::made<small::perceptron>(1);
  torch::optim::SGD optimizer{model.parameters(), torch::optim::SGDOptions{0}};
  adversarial_trainer trainer{
      model, no_attack{}, optimizer, data, {.epochs = 1, .batch = 16, .loss = redoubt::margin{}}};
  CHECK(trainer.step().loss == doctest::Approx(redoubt::margin{}(model(data.x), data.y).mean().item<double>()));
}

namespace {

/// A training that can be set up again and again: `Setup` makes its model and optimizer.
struct with_adam {
  using optimizer = torch::optim::Adam;
  static auto model(std::uint64_t seed) { return small::made<small::noisy_perceptron>(seed); }
  static auto options() { return torch::optim::AdamOptions{0.02}; }
};
struct with_momentum {
  using optimizer = torch::optim::SGD;
  static auto model(std::uint64_t seed) { return small::made<small::noisy_perceptron>(seed); }
  static auto options() { return torch::optim::SGDOptions{0.05}.momentum(0.9); }
};
struct with_script {
  using optimizer = torch::optim::Adam;
  static auto model(std::uint64_t seed) { return small::scripted(seed, 0.25); }
  static auto options() { return torch::optim::AdamOptions{0.02}; }
};

bool same(const std::vector<redoubt::held_out_accuracy>& a, const std::vector<redoubt::held_out_accuracy>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const redoubt::held_out_accuracy& x, const redoubt::held_out_accuracy& y) {
                      return x.clean == y.clean && x.fgsm == y.fgsm && x.pgd == y.pgd &&
                             x.training_loss == y.training_loss;
                    });
}

}  // namespace

TEST_CASE_TEMPLATE("a training that stopped at any step and was resumed ends with the same bits", Setup, with_adam,
                   with_momentum, with_script) {
  const temporary_folder folder;
  const labelled_data data = small::accurate_or_robust(44, 19);
  const auto begun = [&](std::uint64_t seed, double averaging, auto&& use) {
    const auto model = Setup::model(seed);
    typename Setup::optimizer optimizer{model.parameters(), Setup::options()};
    adversarial_trainer trainer{model,
                                training_attack(),
                                optimizer,
                                data,
                                {.epochs = 3,
                                 .batch = 10,  // the last batch of an epoch is shorter
                                 .schedule = averaging > 0 ? redoubt::schedule{redoubt::one_cycle{0.02}} : nullptr,
                                 .averaging = averaging,
                                 .held_out = small::accurate_or_robust(40, 20),
                                 .watch = {.decline = -1, .patience = 1},
                                 .seed = 21}};
    use(model, trainer);
  };
  const auto file = [&](std::int64_t step) { return (folder / std::to_string(step)).string(); };
  for (const double averaging : {0., 0.9}) {
    CAPTURE(averaging);
    std::vector<at::Tensor> expected;
    std::vector<redoubt::held_out_accuracy> history;
    overfitting finding = overfitting::none;
    std::vector<training_progress> told;
    begun(1, averaging, [&](const auto& model, auto& trainer) {
      trainer.save(file(0));
      while (!trainer.done()) {
        told.push_back(trainer.step());
        trainer.save(file(told.back().step));
      }
      trainer.finish();
      expected = state_of(model);
      history = trainer.history();
      finding = trainer.finding();
    });
    REQUIRE(told.size() == 15);
    REQUIRE(finding != overfitting::none);
    for (std::int64_t stop = 0; stop <= 15; ++stop) {
      CAPTURE(stop);
      begun(100 + static_cast<std::uint64_t>(stop), averaging, [&](const auto& model, auto& trainer) {
        trainer.resume(file(stop));
        for (std::int64_t step = stop; !trainer.done(); ++step) {
          const training_progress now = trainer.step();
          const training_progress& then = told[static_cast<std::size_t>(step)];
          REQUIRE(now.step == then.step);
          REQUIRE(now.loss == then.loss);
          REQUIRE(now.accuracy == then.accuracy);
          REQUIRE(now.learning_rate == then.learning_rate);
        }
        trainer.finish();
        CHECK(same_bits(state_of(model), expected));
        CHECK(same(trainer.history(), history));
        CHECK(trainer.finding() == finding);
      });
    }
  }
}

TEST_CASE("saving changes nothing: a training that saved at every step ends as one that never did") {
  const temporary_folder folder;
  const labelled_data data = small::accurate_or_robust(44, 19);
  const auto trained = [&](bool saves) {
    const auto model = small::made<small::noisy_perceptron>(1);
    torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
    adversarial_trainer trainer{model, training_attack(), optimizer, data, {.epochs = 2, .batch = 10}};
    while (!trainer.done()) {
      trainer.step();
      if (saves) {
        trainer.save(folder / "last.ckpt");
      }
    }
    trainer.finish();
    return state_of(model);
  };
  CHECK(same_bits(trained(true), trained(false)));
}

TEST_CASE("a checkpoint is written after each epoch but the last, and can be resumed") {
  const temporary_folder folder;
  const std::string path = folder / "last.ckpt";
  const labelled_data data = small::accurate_or_robust(40, 22);
  std::vector<bool> there;
  const training_options options{.epochs = 2, .batch = 20, .checkpoint = path, .progress = [&](const auto&) {
                                   there.push_back(std::filesystem::exists(path));
                                 }};
  const auto model = small::scripted(1);
  train(model, no_attack{}, data, options);
  CHECK(there == std::vector{false, true, true, true});
  CHECK(folder.entries() == 1);

  const auto other = small::scripted(2);
  torch::optim::Adam optimizer{other.parameters(), torch::optim::AdamOptions{0.02}};
  adversarial_trainer trainer{other, no_attack{}, optimizer, data, options};
  trainer.resume(path);
  there.clear();
  trainer.run();
  CHECK(there.size() == 2);
  CHECK(same_bits(state_of(other), state_of(model)));
}

TEST_CASE("a checkpoint of another training is refused by both names, and the training stays as it was") {
  const temporary_folder folder;
  const std::string path = folder / "last.ckpt";
  const labelled_data data = small::accurate_or_robust(40, 22);
  const auto with = [](const labelled_data& learnt, const training_options& options, auto&& use) {
    const auto model = small::scripted(1);
    torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
    adversarial_trainer trainer{model, no_attack{}, optimizer, learnt, options};
    use(model, trainer);
  };
  with(data, {.epochs = 3, .batch = 20, .seed = 7}, [&](const auto&, auto& trainer) {
    trainer.step();
    trainer.save(path);
  });
  const auto refused = [&](const labelled_data& learnt, const training_options& options, const std::string& one,
                           const std::string& other) {
    with(learnt, options, [&](const auto& model, auto& trainer) {
      const auto before = state_of(model);
      const std::string said = message_of<std::runtime_error>([&] { trainer.resume(path); });
      CAPTURE(said);
      CHECK(said.rfind("the checkpoint " + path + " belongs to another training: ", 0) == 0);
      CHECK(said.find('\n') == std::string::npos);
      CHECK(said.find(one) != std::string::npos);
      CHECK(said.find(other) != std::string::npos);
      CHECK(same_bits(state_of(model), before));
      CHECK(trainer.step().step == 1);
    });
  };
  const training_options same{.epochs = 3, .batch = 20, .seed = 7};
  refused(data, {.epochs = 3, .batch = 20, .seed = 8}, "seed 7", "seed 8");
  refused(data, {.epochs = 4, .batch = 20, .seed = 7}, "epochs 3", "epochs 4");
  refused(data, {.epochs = 3, .batch = 10, .seed = 7}, "batch 20", "batch 10");
  refused(data, {.epochs = 3, .batch = 20, .averaging = 0.5, .seed = 7}, "averaging 0,", "averaging 0.5");
  refused(small::accurate_or_robust(41, 22), same, "[40, 16]", "[41, 16]");
  refused(small::accurate_or_robust(40, 23), same, "[40, 16]", "[40, 16]");
  refused({data.x, 1 - data.y}, same, "labels 420", "labels 400");
  refused({data.x.flip(0), data.y.flip(0)}, same, "labels 420", "labels 400");
  with(data, same, [&](const auto&, auto& trainer) {
    trainer.resume(path);
    CHECK(trainer.step().step == 2);
  });
}

TEST_CASE("a damaged checkpoint, and a folder that is not there, are named in one line") {
  const temporary_folder folder;
  const std::string path = folder / "last.ckpt";
  const labelled_data data = small::accurate_or_robust(40, 22);
  const auto model = small::made<small::perceptron>(1);
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
  adversarial_trainer trainer{model, no_attack{}, optimizer, data, {.epochs = 2, .batch = 20}};
  trainer.step();
  trainer.save(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const std::string said = message_of<std::runtime_error>([&] { trainer.resume(path); });
  CHECK(said.rfind("cannot read the checkpoint " + path, 0) == 0);
  CHECK(said.find('\n') == std::string::npos);

  const std::string nowhere = folder / "missing" / "last.ckpt";
  const std::string refused = message_of<std::runtime_error>([&] { trainer.save(nowhere); });
  CHECK(refused.rfind("cannot write the checkpoint " + nowhere, 0) == 0);
  CHECK(refused.find('\n') == std::string::npos);
  CHECK(folder.entries() == 1);
  CHECK(trainer.step().step == 2);
}

TEST_CASE("a training that is done says so") {
  const labelled_data data = small::accurate_or_robust(40, 22);
  const auto model = small::made<small::perceptron>(1);
  torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.02}};
  adversarial_trainer trainer{model, no_attack{}, optimizer, data, {.epochs = 1, .batch = 20}};
  CHECK_FALSE(trainer.done());
  trainer.run();
  CHECK(trainer.done());
  CHECK_THROWS_WITH_AS(trainer.step(), "adversarial_trainer: all 2 steps are done", std::invalid_argument);
  CHECK_THROWS_WITH_AS(trainer.save("never"),
                       "adversarial_trainer: a finished training has no checkpoint; save the model",
                       std::invalid_argument);
}

TEST_CASE("adversarial_trainer refuses what it cannot train on") {
  const auto model = small::made<small::perceptron>(1);
  torch::optim::SGD optimizer{model.parameters(), torch::optim::SGDOptions{0.1}};
  const labelled_data data = small::accurate_or_robust(10, 1);
  const auto said = [&](const labelled_data& learnt, const training_options& options) {
    return message_of<std::invalid_argument>([&] {
      adversarial_trainer{model, no_attack{}, optimizer, learnt, options};
    });
  };
  CHECK(said({}, {}) == "adversarial_trainer: needs data");
  CHECK(said({data.x, data.y.narrow(0, 0, 9)}, {}) == "adversarial_trainer: 10 inputs but 9 labels");
  CHECK(said({data.x, {}}, {}) == "adversarial_trainer: 10 inputs but 0 labels");
  CHECK(said(data, {.epochs = 0}) == "adversarial_trainer: epochs must be at least 1, got 0");
  CHECK(said(data, {.batch = 0}) == "adversarial_trainer: batch must be at least 1, got 0");
  CHECK(said(data, {.averaging = 1}) == "weight_average: decay must lie in [0, 1), got 1");
}

namespace {

/// Ten smooth patterns of 12 x 12 pixels, each image one of them under noise.
labelled_data patterns(std::int64_t samples, std::uint64_t seed) {
  const at::Tensor rows = at::arange(samples);
  at::Tensor y = rows.remainder(10);
  const at::Tensor coarse = redoubt::normal_like(at::empty({10, 1, 4, 4}), at::arange(10), {.seed = 99});
  const at::Tensor smooth = at::upsample_bilinear2d(coarse, {12, 12}, false).tanh();
  const at::Tensor noise = redoubt::normal_like(at::empty({samples, 1, 12, 12}), rows, {.seed = seed});
  return {(smooth.index_select(0, y) * 0.3 + noise * 0.15 + 0.5).clamp(0, 1), y};
}

struct convolutional : torch::nn::Module {
  torch::nn::Conv2d first =
      register_module("first", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 16, 4).stride(2).padding(1)));
  torch::nn::Conv2d second =
      register_module("second", torch::nn::Conv2d(torch::nn::Conv2dOptions(16, 32, 4).stride(2).padding(1)));
  torch::nn::Linear hidden = register_module("hidden", torch::nn::Linear(32 * 3 * 3, 100));
  torch::nn::Linear logits = register_module("logits", torch::nn::Linear(100, 10));

  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor maps = second(first((x - 0.5) * 3).relu()).relu();
    return logits(hidden(maps.flatten(1)).relu());
  }
};

}  // namespace

TEST_CASE("[slow] catastrophic overfitting, provoked with FGSM in too large a ball, is noticed and its weights left") {
  const labelled_data learnt = patterns(3000, 1);
  const labelled_data held_out = patterns(300, 2);
  const auto trained = [&](double radius, auto&& use) {
    const auto model = small::made<convolutional>(1);
    torch::optim::Adam optimizer{model.parameters(), torch::optim::AdamOptions{0.005}};
    const redoubt::fgsm attack{linf{.radius = radius}};
    adversarial_trainer trainer{model, attack, optimizer, learnt, {.epochs = 10, .held_out = held_out}};
    trainer.run();
    use(model, trainer);
  };
  trained(0.2, [&](const auto& model, const auto& trainer) {
    CHECK(trainer.finding() == overfitting::catastrophic);
    const redoubt::held_out_accuracy last = trainer.history().back();
    MESSAGE("at the last epoch: FGSM " << last.fgsm << ", PGD-10 " << last.pgd);
    CHECK(last.fgsm > 0.6);
    CHECK(last.pgd < 0.15);
    double best = 0;
    for (const redoubt::held_out_accuracy& look : trainer.history()) {
      best = std::max(best, look.pgd);
    }
    const pgd probe{linf{.radius = 0.2}, {.step = 0.05, .steps = 10, .keep = redoubt::iterate::last}};
    CHECK(redoubt::accuracy(model, probe(model, held_out.x, held_out.y), held_out.y) == best);
  });
  trained(0.12, [&](const auto&, const auto& trainer) {
    CHECK(trainer.finding() != overfitting::catastrophic);
    CHECK(trainer.history().back().pgd > 0.6);
  });
}
