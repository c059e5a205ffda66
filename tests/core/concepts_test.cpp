#include <redoubt/core/concepts.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/loss/cross_entropy.hpp>
#include <redoubt/loss/loss_function.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <string>

namespace {

using redoubt::a_ball;
using redoubt::a_classifier;
using redoubt::a_loss;
using redoubt::has_rows;

struct by_value {
  at::Tensor operator()(at::Tensor x) const { return x; }
};
struct not_const {
  at::Tensor operator()(const at::Tensor& x) { return x; }
};
struct wrong_argument {
  at::Tensor operator()(const std::string&) const { return {}; }
};
struct wrong_result {
  std::string operator()(const at::Tensor&) const { return {}; }
};

static_assert(a_classifier<by_value>);
static_assert(a_classifier<by_value&>);
static_assert(a_classifier<const by_value&>);
static_assert(a_classifier<not_const&>);
static_assert(!a_classifier<const not_const&>);
static_assert(!a_classifier<wrong_argument>);
static_assert(!a_classifier<wrong_result>);
static_assert(!a_classifier<int>);

struct takes_only_logits {
  at::Tensor operator()(const at::Tensor& logits) const { return logits; }
};
struct loss_not_const {
  at::Tensor operator()(const at::Tensor& logits, const at::Tensor&) { return logits; }
};

static_assert(a_loss<redoubt::cross_entropy>);
static_assert(a_loss<redoubt::loss_function>);
static_assert(!a_loss<takes_only_logits>);
static_assert(!a_loss<loss_not_const>);
static_assert(!a_loss<double>);

struct ball_without_steepest {
  redoubt::extent radius;
  at::Tensor length(const at::Tensor& d) const { return d; }
  at::Tensor& project_(at::Tensor& d) const { return d; }
  at::Tensor sample(const at::Tensor& like, const at::Tensor&, const redoubt::draw&) const { return like; }
};
struct smallest_ball : ball_without_steepest {
  at::Tensor steepest(const at::Tensor& g) const { return g; }
};

static_assert(a_ball<redoubt::linf>);
static_assert(a_ball<redoubt::l2>);
static_assert(a_ball<smallest_ball>);
static_assert(!a_ball<ball_without_steepest>);
static_assert(!a_ball<double>);
static_assert(!a_ball<redoubt::cross_entropy>);

struct weights {
  at::Tensor each;
  weights at(const at::Tensor& rows) const { return {each.index_select(0, rows)}; }
};
struct at_of_another_kind {
  double at(const at::Tensor&) const { return 1; }
};

static_assert(has_rows<weights>);
static_assert(has_rows<redoubt::linf>);
static_assert(!has_rows<redoubt::cross_entropy>);
static_assert(!has_rows<at_of_another_kind>);

}  // namespace

TEST_CASE("at_rows: a part with state per sample follows its samples, one without is handed on as it is") {
  const at::Tensor rows = at::tensor({2, 0}, at::kLong);
  CHECK(
      at::equal(redoubt::at_rows(weights{at::tensor({1, 2, 3}, at::kLong)}, rows).each, at::tensor({3, 1}, at::kLong)));
  CHECK(redoubt::at_rows(7, rows) == 7);
}
