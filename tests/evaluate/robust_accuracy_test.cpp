#include <redoubt/evaluate/robust_accuracy.hpp>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/loss/dlr.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "../models.hpp"

using redoubt::fgsm;
using redoubt::linf;
using redoubt::pgd;
using redoubt::robust_accuracy;
using redoubt::testing::count;
using redoubt::testing::first_rows;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

namespace {

/// A net and 50 samples, of which it gets 38 right.
struct task {
  smooth_net net = smooth_net::make(12, 4, 1);
  at::Tensor x = uniform({50, 12}, 2);
  at::Tensor y = predictions(net, x);

  task() { y.narrow(0, 10, 12).add_(1).remainder_(4); }
};

/// Hands back whatever `answer` makes of the input, and remembers what it was given.
template <class Answer>
struct recorded {
  Answer answer;
  std::vector<at::Tensor>* inputs;
  std::vector<at::Tensor>* row_numbers;

  template <class Model>
  at::Tensor operator()(Model&&, const at::Tensor& x, const at::Tensor&, const at::Tensor& rows) const {
    inputs->push_back(x);
    row_numbers->push_back(rows);
    return answer(x);
  }
};

/// A module of one flag that answers with the input, in eval mode, and noise, in train mode.
struct right_in_eval_mode {
  std::vector<bool> flags{true, false};

  at::Tensor operator()(const at::Tensor& x) const { return flags[0] ? x.flip({1}) : x.mul(1); }
  std::vector<at::Tensor> parameters() const { return {}; }
  std::vector<at::Tensor> buffers() const { return {}; }
  std::vector<bool> modes() const { return flags; }
  void set_modes(const std::vector<bool>& wanted) { flags = wanted; }
  void train(bool on) { flags.assign(flags.size(), on); }
};

static_assert(redoubt::a_module<right_in_eval_mode>);

}  // namespace

TEST_CASE("robust_accuracy: counts all samples, right before and after, with both intervals") {
  const task given;
  const pgd attack{linf{0.05}, {.step = 0.01}};
  const auto report = robust_accuracy(attack, given.net, given.x, given.y);
  CHECK(report.n == 50);
  CHECK(report.clean_accuracy == doctest::Approx(38.0 / 50));
  CHECK(at::equal(report.clean_correct, predictions(given.net, given.x).eq(given.y)));
  const std::int64_t robust = count(report.robust_correct);
  CHECK(robust > 0);
  CHECK(robust < 38);
  CHECK(report.robust_accuracy == doctest::Approx(static_cast<double>(robust) / 50));
  CHECK(count(report.robust_correct.logical_and(report.clean_correct.logical_not())) == 0);
  CHECK(report.clean_interval.lower == redoubt::clopper_pearson(38, 50).lower);
  CHECK(report.clean_interval.upper == redoubt::clopper_pearson(38, 50).upper);
  CHECK(report.robust_interval.lower == redoubt::clopper_pearson(robust, 50).lower);
  CHECK(report.robust_interval.upper == redoubt::clopper_pearson(robust, 50).upper);
  CHECK(report.zero_gradient_samples == 0);
  CHECK(report.n_nan == 0);
  CHECK(report.warnings.empty());
  CHECK(report.seconds > 0);
}

TEST_CASE("robust_accuracy: the confidence is that of both intervals") {
  const task given;
  const auto report = robust_accuracy(redoubt::no_attack{}, given.net, given.x, given.y, {.confidence = 0.5});
  CHECK(report.clean_interval.lower == redoubt::clopper_pearson(38, 50, 0.5).lower);
  CHECK(report.robust_interval.upper == redoubt::clopper_pearson(38, 50, 0.5).upper);
}

TEST_CASE("robust_accuracy: over a linear model it is the share whose distance exceeds the radius") {
  const at::Tensor w = at::tensor({1.0F, -2.0F, 0.5F});
  const auto model = two_class(w, 0.3);
  const at::Tensor x = uniform({200, 3}, 3, 0.4, 0.6);
  const at::Tensor y = predictions(model, x);
  const at::Tensor distance = x.mv(w).add(0.3).abs();
  const pgd over_linf{linf{0.08}, {.step = 0.02, .steps = 10}};
  CHECK(at::equal(robust_accuracy(over_linf, model, x, y).robust_correct, distance.gt(0.08 * 3.5)));
  const pgd over_l2{redoubt::l2{0.08}, {.step = 0.02, .steps = 40}};
  CHECK(at::equal(robust_accuracy(over_l2, model, x, y).robust_correct, distance.gt(0.08 * std::sqrt(5.25))));
}

TEST_CASE("robust_accuracy: samples that are wrong already are never attacked, and rows say which the others are") {
  const task given;
  std::vector<at::Tensor> inputs;
  std::vector<at::Tensor> rows;
  const auto unchanged = [](const at::Tensor& x) { return x; };
  const recorded<decltype(unchanged)> attack{unchanged, &inputs, &rows};
  const at::Tensor right = predictions(given.net, given.x).eq(given.y).nonzero().squeeze(1);
  (void)robust_accuracy(attack, given.net, given.x, given.y, {.batch = 16});
  CHECK(at::equal(at::cat(rows), right));
  CHECK(at::equal(at::cat(inputs), given.x.index_select(0, right)));
  rows.clear();
  (void)robust_accuracy(attack, given.net, given.x, given.y, {.batch = 16, .rows = first_rows(50).add(1000)});
  CHECK(at::equal(at::cat(rows), right.add(1000)));
  inputs.clear();
  (void)robust_accuracy(attack, given.net, given.x, given.y.add(3).remainder(4));
  REQUIRE(inputs.size() == 1);  // the labels that were one too high have come round to being right
  CHECK(at::equal(inputs[0], given.x.narrow(0, 10, 12)));
  inputs.clear();
  const auto never_right = [&](const at::Tensor& x) {
    return at::one_hot(given.y, 4).narrow(0, 0, x.size(0)).neg().to(at::kFloat);
  };
  const auto none = robust_accuracy(attack, never_right, given.x, given.y);
  CHECK(inputs.empty());
  CHECK(none.clean_accuracy == 0);
  CHECK(none.robust_interval.lower == 0);
}

TEST_CASE("robust_accuracy: nothing rests on the attack's own word") {
  const task given;
  std::vector<at::Tensor> inputs;
  std::vector<at::Tensor> rows;
  // One that claims success and hands the input back: the samples count as robust.
  struct claims_success {
    static redoubt::attack_result run(const smooth_net&, const at::Tensor& x, const at::Tensor&, const at::Tensor&) {
      return {x, at::zeros({x.size(0)}, at::kBool)};
    }
    at::Tensor operator()(const smooth_net&, const at::Tensor& x, const at::Tensor&, const at::Tensor&) const {
      return x;
    }
  };
  CHECK(robust_accuracy(claims_success{}, given.net, given.x, given.y).robust_accuracy == doctest::Approx(38.0 / 50));
  // One that claims nothing and moves every sample to where the model sees another class: none is.
  const at::Tensor other = uniform({1, 12}, 99);
  const std::int64_t seen = predictions(given.net, other).item<std::int64_t>();
  const auto moves = [&](const at::Tensor& x) { return other.expand_as(x); };
  const auto report = robust_accuracy(recorded<decltype(moves)>{moves, &inputs, &rows}, given.net, given.x, given.y);
  CHECK(at::equal(report.robust_correct, report.clean_correct.logical_and(given.y.eq(seen))));
}

TEST_CASE("robust_accuracy: neither the batch nor the order of samples changes an outcome") {
  const task given;
  const pgd attack{linf{0.05}, {.step = 0.02, .steps = 3, .restarts = 2, .drop_fooled = true}};
  const at::Tensor expected = robust_accuracy(attack, given.net, given.x, given.y).robust_correct;
  for (const std::int64_t batch : {1, 7, 49, 50, 1000}) {
    CHECK(at::equal(robust_accuracy(attack, given.net, given.x, given.y, {.batch = batch}).robust_correct, expected));
  }
  const at::Tensor order = uniform({50, 1}, 8).flatten().argsort();
  const auto shuffled = robust_accuracy(attack, given.net, given.x.index_select(0, order),
                                        given.y.index_select(0, order), {.batch = 8, .rows = order});
  CHECK(at::equal(shuffled.robust_correct, expected.index_select(0, order)));
}

TEST_CASE("robust_accuracy: under no attack it is the clean accuracy") {
  const task given;
  const auto report = robust_accuracy(redoubt::no_attack{}, given.net, given.x, given.y);
  CHECK(report.robust_accuracy == report.clean_accuracy);
  CHECK(at::equal(report.robust_correct, report.clean_correct));
}

TEST_CASE("robust_accuracy: gradients of zero are counted and warned of in words, and another loss has none") {
  const task given;
  const auto confident = [&](const at::Tensor& x) { return given.net(x).mul(1000); };
  const auto saturated = robust_accuracy(fgsm{linf{0.1}}, confident, given.x, given.y);
  CHECK(saturated.zero_gradient_samples > 10);
  REQUIRE(saturated.warnings.size() == 1);
  CHECK(saturated.warnings[0].starts_with(std::to_string(saturated.zero_gradient_samples) +
                                          " of 38 attacked samples met a gradient of exactly zero"));
  CHECK(saturated.warnings[0].find("use the margin or dlr loss") != std::string::npos);
  // The dlr loss is flat where the label has come third: such a sample is fooled, and nothing is masked.
  const pgd by_dlr{linf{0.1}, {.step = 0.02, .loss = redoubt::dlr{}}};
  const auto alive = robust_accuracy(by_dlr, confident, given.x, given.y);
  CHECK(alive.zero_gradient_samples == 0);
  CHECK(alive.warnings.empty());
  CHECK(alive.robust_accuracy < saturated.robust_accuracy);
}

TEST_CASE("robust_accuracy: a NaN among the logits is wrong, clean or attacked, counted once, and warned of") {
  const auto model = [](const at::Tensor& x) {
    const at::Tensor logits = two_class(at::tensor({0.1F, 0.1F}), 5)(x);
    return logits.masked_fill(x.select(1, 0).gt(0.55).unsqueeze(1), std::numeric_limits<double>::quiet_NaN());
  };
  // The second is NaN as it is, the third once the attack has moved it.
  const at::Tensor x = at::tensor({0.1F, 0.9F, 0.5F}).unsqueeze(1).expand({3, 2});
  const auto up = [](const at::Tensor& clean) { return clean.add(0.1); };
  std::vector<at::Tensor> inputs;
  std::vector<at::Tensor> rows;
  const auto report = robust_accuracy(recorded<decltype(up)>{up, &inputs, &rows}, model, x, at::ones({3}, at::kLong));
  CHECK(report.n_nan == 2);
  CHECK(report.clean_accuracy == doctest::Approx(2.0 / 3));
  CHECK(report.robust_accuracy == doctest::Approx(1.0 / 3));
  REQUIRE(report.warnings.size() == 1);
  CHECK(report.warnings[0].starts_with("2 of 3 samples gave a NaN among the logits and count as wrong"));
}

TEST_CASE("robust_accuracy: evaluates and attacks in eval mode, and puts every mode back") {
  right_in_eval_mode model;
  const at::Tensor x = uniform({10, 3}, 1);
  const auto report = robust_accuracy(fgsm{linf{0}}, model, x, x.argmax(1));
  CHECK(report.clean_accuracy == 1);
  CHECK(report.robust_accuracy == 1);
  CHECK(model.flags == std::vector<bool>{true, false});
  CHECK_THROWS((void)robust_accuracy(fgsm{linf{-1}}, model, x, x.argmax(1)));
  CHECK(model.flags == std::vector<bool>{true, false});
  CHECK(redoubt::accuracy(model, x, x.argmax(1)) == 1);
  CHECK(model.flags == std::vector<bool>{true, false});
}

TEST_CASE("robust_accuracy: tells its progress after each batch") {
  const task given;
  std::vector<std::int64_t> told;
  const auto progress = [&](std::int64_t done) { told.push_back(done); };
  (void)robust_accuracy(redoubt::no_attack{}, given.net, given.x, given.y, {.batch = 20, .progress = progress});
  // Of the first 20 the 10 wrong ones are done, the others wait for a full batch; the 12 wrong ones are 10..21.
  CHECK(told == std::vector<std::int64_t>{10, 32, 32, 50});
}

TEST_CASE("robust_accuracy: finds the same in inference mode") {
  const task given;
  const pgd attack{linf{0.05}, {.step = 0.02, .steps = 3}};
  const at::Tensor expected = robust_accuracy(attack, given.net, given.x, given.y).robust_correct;
  const c10::InferenceMode inference;
  CHECK(at::equal(robust_accuracy(attack, given.net, given.x.clone(), given.y.clone()).robust_correct, expected));
}

TEST_CASE("robust_accuracy: what cannot be evaluated is named before the model is asked") {
  const task given;
  int calls = 0;
  const auto model = [&](const at::Tensor& x) {
    ++calls;
    return given.net(x);
  };
  const auto refused = [&](const at::Tensor& x, const at::Tensor& y, const redoubt::evaluation_options& options,
                           const char* message) {
    CHECK_THROWS_WITH_AS((void)robust_accuracy(fgsm{linf{0.1}}, model, x, y, options), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(at::empty({0, 12}), at::empty({0}, at::kLong), {}, "needs a batch [N, ...] with N >= 1");
  refused(at::empty({12}), at::empty({12}, at::kLong), {}, "needs a batch [N, ...] with N >= 1");
  refused(given.x, at::zeros({49}, at::kLong), {},
          "robust_accuracy: need one int64 label per sample [50], got shape [49] of type long");
  refused(given.x, at::zeros({50, 1}, at::kLong), {}, "got shape [50, 1]");
  refused(given.x, at::Tensor{}, {}, "got shape [0]");
  refused(given.x, given.y.to(at::kInt), {}, "of type int");
  refused(given.x, given.y, {.batch = 0}, "batch must be at least 1, got 0");
  refused(given.x, given.y, {.rows = first_rows(49)}, "rows must be one int64 per sample [50], got shape [49]");
  refused(given.x, given.y, {.rows = first_rows(51)}, "got shape [51]");
  refused(given.x, given.y, {.confidence = 95}, "confidence must lie in (0, 1), got 95");
  CHECK(calls == 0);
}

TEST_CASE("robust_accuracy: labels outside the model's classes are an error, not a wrong answer of the model") {
  const task given;
  at::Tensor y = given.y.clone();
  y[49] = 4;
  CHECK_THROWS_WITH_AS((void)robust_accuracy(redoubt::no_attack{}, given.net, given.x, y),
                       doctest::Contains("labels must lie in [0, 4), as the model has 4 classes; got 4"),
                       std::invalid_argument);
}

TEST_CASE("robust_accuracy: a targeted attack is refused, as y cannot be both what to keep and what to reach") {
  const task given;
  const pgd targeted{linf{.radius = 0.1}, {.targeted = true}};
  CHECK_THROWS_WITH_AS((void)robust_accuracy(targeted, given.net, given.x, given.y), doctest::Contains("targeted"),
                       std::invalid_argument);
}
