#include <redoubt/distributed/gradients.hpp>

#include "ranks.hpp"

#include <doctest/doctest.h>

#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <string>
#include <vector>

using redoubt::average_gradients;
using redoubt::process_group;
using redoubt::sum_gradients;

namespace {

/// The weights of a linear classifier of two features and three classes, the same on every rank.
at::Tensor weights() {
  return at::arange(6, at::kFloat).reshape({2, 3}).div(7).requires_grad_();
}

/// The mean of the cross-entropies, times `weight`.
at::Tensor loss_of(const at::Tensor& w, const at::Tensor& x, const at::Tensor& y, double weight = 1) {
  return at::cross_entropy_loss(x.matmul(w), y).mul(weight);
}

void expect(bool right, const char* what) {
  if (!right) {
    throw std::runtime_error(what);
  }
}

}  // namespace

TEST_CASE("the gradients of uneven shares, each weighed by its samples, add up to that of the whole batch") {
  const at::Tensor x = at::linspace(-1, 1, 10).reshape({5, 2}).sin();
  const at::Tensor y = at::tensor({0, 1, 2, 0, 1}, at::kLong);
  const at::Tensor whole = weights();
  loss_of(whole, x, y).backward();
  // Of 5 samples: 3 and 2; 2, 2 and 1; and for 6 ranks one each and one that has none.
  const std::vector<std::vector<std::int64_t>> divisions{{3, 2}, {2, 2, 1}, {1, 1, 1, 1, 1, 0}};
  for (const std::vector<std::int64_t>& counts : divisions) {
    const auto world = static_cast<int>(counts.size());
    CAPTURE(world);
    CHECK(ranks::together(world, [&](const process_group& group) {
            const auto rank = static_cast<std::size_t>(group.rank());
            std::int64_t first = 0;
            for (std::size_t i = 0; i < rank; ++i) {
              first += counts[i];
            }
            const at::Tensor own = weights();
            if (counts[rank] > 0) {
              const double share = static_cast<double>(counts[rank]) / 5;
              loss_of(own, x.narrow(0, first, counts[rank]), y.narrow(0, first, counts[rank]), share).backward();
            }
            sum_gradients(group, {own});
            expect(at::allclose(own.grad(), whole.grad(), 0, 1e-6), "not the gradient of the whole batch");
          }) == ranks::nothing(world));
  }
}

TEST_CASE("averages are over the ranks, in one bucket or in many") {
  for (const std::size_t bytes : {std::size_t{8}, std::size_t{1} << 20}) {
    CHECK(ranks::together(3,
                          [](const process_group& group) {
                            const std::vector<at::Tensor> parameters{at::zeros({2, 2}).requires_grad_(),
                                                                     at::zeros({5}).requires_grad_()};
                            for (const at::Tensor& each : parameters) {
                              each.mutable_grad() = at::full_like(each, group.rank());
                            }
                            average_gradients(group, parameters);
                            for (const at::Tensor& each : parameters) {
                              expect(at::equal(each.grad(), at::ones_like(each)), "not the mean of 0, 1 and 2");
                            }
                          },
                          {.timeout = std::chrono::seconds{60}, .bucket_bytes = bytes}) == ranks::nothing(3));
  }
}

TEST_CASE("a gradient that only some ranks have reaches all, and one that nobody has is made up for nobody") {
  CHECK(ranks::together(2, [](const process_group& group) {
          const at::Tensor of_one = at::zeros({2}).requires_grad_();
          const at::Tensor of_none = at::zeros({2}).requires_grad_();
          const at::Tensor frozen = at::zeros({2});
          if (group.rank() == 1) {
            of_one.mutable_grad() = at::full({2}, 4.0);
          }
          average_gradients(group, {of_one, frozen, of_none});
          expect(of_one.grad().defined() && at::equal(of_one.grad(), at::full({2}, 2.0)), "not half of rank 1's");
          expect(!of_none.grad().defined(), "a gradient out of nothing");
          expect(!frozen.grad().defined(), "a frozen parameter has a gradient");
        }) == ranks::nothing(2));
}

TEST_CASE("an attack sends nothing and leaves no gradient, so that a rank may attack alone") {
  CHECK(ranks::together(2, [](const process_group& group) {
          const at::Tensor w = weights();
          const auto model = [&](const at::Tensor& x) { return x.matmul(w); };
          const at::Tensor x = at::full({3, 2}, 0.5);
          const at::Tensor y = at::tensor({0, 1, 2}, at::kLong);
          if (group.rank() == 0) {  // the other does not take part: a sum would wait for it, or be of what does not fit
            const redoubt::pgd attack{redoubt::linf{.radius = 0.1}, {.step = 0.05, .steps = 5}};
            expect(!at::equal(attack(model, x, y), x), "the attack did nothing");
            expect(!w.grad().defined(), "the attack left a gradient");
          }
          loss_of(w, x, y).backward();
          const at::Tensor own = w.grad().clone();
          average_gradients(group, {w});
          expect(at::allclose(w.grad(), own, 0, 1e-7), "not the mean of two equal gradients");
        }) == ranks::nothing(2));
}

TEST_CASE("one process's gradients stay as they are") {
  const process_group alone{redoubt::rendezvous{}};
  const at::Tensor w = at::zeros({2}).requires_grad_();
  average_gradients(alone, {w});
  CHECK_FALSE(w.grad().defined());
  w.mutable_grad() = at::ones({2});
  sum_gradients(alone, {w});
  average_gradients(alone, {w});
  CHECK(at::equal(w.grad(), at::ones({2})));
}
