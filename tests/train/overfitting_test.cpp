#include <redoubt/train/overfitting.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

using redoubt::held_out_accuracy;
using redoubt::overfitting;
using redoubt::overfitting_watch;

namespace {

/// What a watch says, look by look, of (fgsm, pgd) in percent, while the training loss falls.
std::vector<overfitting> findings(const std::vector<held_out_accuracy>& percent) {
  overfitting_watch watch;
  std::vector<overfitting> said;
  said.reserve(percent.size());
  double loss = 2;
  for (const held_out_accuracy& look : percent) {
    said.push_back(watch.look({look.clean / 100, look.fgsm / 100, look.pgd / 100, loss *= 0.9}));
  }
  return said;
}

constexpr overfitting none = overfitting::none;
constexpr overfitting robust = overfitting::robust;
constexpr overfitting catastrophic = overfitting::catastrophic;

}  // namespace

// The accuracies below were measured on Fashion-MNIST: a small CNN, four epochs, flat learning rate, no averaging.

TEST_CASE("overfitting_watch names the catastrophe of FGSM training at eps 0.2 when it happens, at epoch 2") {
  const auto said = findings({{.fgsm = 52.8, .pgd = 45.2},
                              {.fgsm = 58.0, .pgd = 23.4},
                              {.fgsm = 64.4, .pgd = 24.4},
                              {.fgsm = 74.4, .pgd = 42.6}});
  CHECK((said == std::vector{none, catastrophic, catastrophic, catastrophic}));
}

TEST_CASE("overfitting_watch is silent where one-step training goes well, at eps 0.1") {
  const std::vector<held_out_accuracy> from_x{
      {.fgsm = 67.0, .pgd = 64.4}, {.fgsm = 71.2, .pgd = 67.8}, {.fgsm = 74.4, .pgd = 71.0}};
  const std::vector<held_out_accuracy> random_start{
      {.fgsm = 68.2, .pgd = 65.4}, {.fgsm = 71.8, .pgd = 70.6}, {.fgsm = 71.4, .pgd = 68.8}};
  const std::vector<held_out_accuracy> noisy{
      {.fgsm = 66.2, .pgd = 64.0}, {.fgsm = 70.8, .pgd = 68.6}, {.fgsm = 66.8, .pgd = 65.0}};
  for (const auto& history : {from_x, random_start, noisy}) {
    CHECK((findings(history) == std::vector{none, none, none}));
  }
  // Their fourth epochs, with the gap at its widest.
  auto longest = from_x;
  longest.push_back({.fgsm = 70.2, .pgd = 65.6});
  CHECK(findings(longest).back() != catastrophic);
}

TEST_CASE("overfitting_watch does not take the gap of FGSM training with a random start at eps 0.2 for a catastrophe") {
  const auto said = findings({{.fgsm = 56.8, .pgd = 50.6},
                              {.fgsm = 61.4, .pgd = 57.0},
                              {.fgsm = 68.4, .pgd = 61.2},
                              {.fgsm = 65.6, .pgd = 58.2}});
  CHECK((said == std::vector{none, none, none, none}));
}

TEST_CASE("overfitting_watch: a model that never was robust is no catastrophe") {
  // Standard training.
  CHECK((findings({{.fgsm = 4.8, .pgd = 1.1}, {.fgsm = 15, .pgd = 3}}) == std::vector{none, none}));
}

TEST_CASE("overfitting_watch: a gap needs a fall beside it, or twice the width") {
  CHECK((findings({{.fgsm = 60, .pgd = 48}, {.fgsm = 62, .pgd = 48}}) == std::vector{none, none}));
  CHECK((findings({{.fgsm = 60, .pgd = 48}, {.fgsm = 50, .pgd = 37}}) == std::vector{none, catastrophic}));
  CHECK((findings({{.fgsm = 60, .pgd = 48}, {.fgsm = 41, .pgd = 37}}) == std::vector{none, none}));
  CHECK((findings({{.fgsm = 71, .pgd = 50}}) == std::vector{catastrophic}));
}

TEST_CASE("overfitting_watch names robust overfitting: held-out robustness falls while the training loss does") {
  // The course of Rice et al. 2020, figure 1: it rises, peaks after the learning rate's first decay, and wears away.
  const auto said = findings({{.fgsm = 45, .pgd = 42},
                              {.fgsm = 49, .pgd = 46},
                              {.fgsm = 56, .pgd = 53},
                              {.fgsm = 55, .pgd = 52},
                              {.fgsm = 54, .pgd = 50},
                              {.fgsm = 52, .pgd = 48}});
  CHECK((said == std::vector{none, none, none, none, none, robust}));
}

TEST_CASE("overfitting_watch: a fall together with the training's own is not overfitting") {
  overfitting_watch watch;
  CHECK(watch.look({.pgd = 0.5, .training_loss = 1.0}) == none);
  for (int i = 1; i < 6; ++i) {
    CHECK(watch.look({.pgd = 0.4, .training_loss = 1.0 + 0.1 * i}) == none);
  }
}

TEST_CASE("overfitting_watch has the patience it is given, for looks in a row") {
  const auto first_at = [](int patience) {
    overfitting_watch watch{{.patience = patience}};
    watch.look({.pgd = 0.5, .training_loss = 1});
    int looks = 1;
    while (watch.look({.pgd = 0.45, .training_loss = 1 - 0.01 * looks}) == none) {
      ++looks;
    }
    return looks;
  };
  CHECK(first_at(1) == 1);
  CHECK(first_at(2) == 2);
  CHECK(first_at(5) == 5);

  overfitting_watch watch;
  watch.look({.pgd = 0.50, .training_loss = 1.0});
  CHECK(watch.look({.pgd = 0.45, .training_loss = 0.9}) == none);
  CHECK(watch.look({.pgd = 0.49, .training_loss = 0.8}) == none);  // within the decline that is allowed
  CHECK(watch.look({.pgd = 0.45, .training_loss = 0.7}) == none);
  CHECK(watch.look({.pgd = 0.45, .training_loss = 0.6}) == robust);
}

TEST_CASE("overfitting_watch knows the best look, the first of equals") {
  overfitting_watch watch;
  watch.look({.pgd = 0});
  CHECK(watch.is_best());
  watch.look({.pgd = 0.5});
  CHECK(watch.is_best());
  watch.look({.pgd = 0.5});
  CHECK_FALSE(watch.is_best());
  watch.look({.pgd = 0.2});
  CHECK_FALSE(watch.is_best());
  CHECK(watch.best_pgd() == 0.5);
}

TEST_CASE("overfitting has names that people use, and an order from harmless to grave") {
  CHECK(name_of(none) == std::string{"none"});
  CHECK(name_of(robust) == std::string{"robust overfitting"});
  CHECK(name_of(catastrophic) == std::string{"catastrophic overfitting"});
  CHECK(none < robust);
  CHECK(robust < catastrophic);
}

TEST_CASE("overfitting_watch refuses a patience below one") {
  CHECK_THROWS_WITH_AS((overfitting_watch{{.patience = 0}}), "overfitting_watch: patience must be at least 1, got 0",
                       std::invalid_argument);
}
