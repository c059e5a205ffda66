#include <redoubt/model/classifier.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "../models.hpp"

namespace {

/// The smallest a_module: two submodules' modes and nothing else.
struct module_of_modes {
  std::vector<bool> flags{true, false};

  at::Tensor operator()(const at::Tensor& x) const { return x; }
  std::vector<at::Tensor> parameters() const { return {}; }
  std::vector<at::Tensor> buffers() const { return {}; }
  std::vector<bool> modes() const { return flags; }
  void set_modes(const std::vector<bool>& wanted) { flags = wanted; }
  void train(bool on) { flags.assign(flags.size(), on); }
};

struct without_buffers {
  at::Tensor operator()(const at::Tensor& x) const { return x; }
  std::vector<at::Tensor> parameters() const { return {}; }
  std::vector<bool> modes() const { return {}; }
  void set_modes(const std::vector<bool>&) {}
  void train(bool) {}
};

static_assert(redoubt::a_module<module_of_modes>);
static_assert(!redoubt::a_module<without_buffers>);
static_assert(!redoubt::a_module<redoubt::testing::linear_classifier>);

at::Tensor checked(const at::Tensor& output, std::int64_t samples) {
  return redoubt::logits_of([&](const at::Tensor&) { return output; }, at::zeros({samples, 2}));
}

void check_refused(const at::Tensor& output, const char* message) {
  CHECK_THROWS_WITH_AS((void)checked(output, 4), doctest::Contains(message), std::invalid_argument);
}

}  // namespace

TEST_CASE("logits_of: hands on logits [N, C] of any floating-point type, NaN included") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    const at::Tensor logits = at::zeros({4, 3}).to(type);
    CHECK(checked(logits, 4).is_same(logits));
  }
  CHECK_NOTHROW((void)checked(at::full({4, 3}, std::numeric_limits<float>::quiet_NaN()), 4));
  CHECK_NOTHROW((void)checked(at::zeros({0, 3}), 0));
}

TEST_CASE("logits_of: an output of another form is refused with its shape and type") {
  check_refused(at::zeros({4}), "logits of shape [4, classes], got [4] of type float");
  check_refused(at::zeros({4, 3, 1}), "got [4, 3, 1]");
  check_refused(at::zeros({3, 3}), "got [3, 3]");
  check_refused(at::zeros({}), "got []");
  check_refused(at::zeros({4, 3}, at::kLong), "of type long");
  check_refused(at::zeros({4, 1}), "at least 2 classes, got shape [4, 1]");
  check_refused(at::zeros({4, 0}), "at least 2 classes, got shape [4, 0]");
  check_refused(at::Tensor{}, "of type nullptr (uninitialized)");
}

TEST_CASE("eval_scope: every mode is eval inside, and as it was afterwards") {
  module_of_modes model;
  {
    const redoubt::eval_scope scope{model};
    CHECK(model.flags == std::vector<bool>{false, false});
  }
  CHECK(model.flags == std::vector<bool>{true, false});
}

TEST_CASE("eval_scope: the modes come back after an exception too") {
  module_of_modes model;
  const auto throws = [&] {
    const redoubt::eval_scope scope{model};
    throw std::runtime_error{"inside"};
  };
  CHECK_THROWS(throws());
  CHECK(model.flags == std::vector<bool>{true, false});
}

TEST_CASE("eval_scope: a plain callable has no modes and is left alone") {
  const auto model = [](const at::Tensor& x) { return x; };
  CHECK_NOTHROW(redoubt::eval_scope{model});
}
