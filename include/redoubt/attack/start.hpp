#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <redoubt/core/error.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// Maps samples x [N, ...] to perturbations of x to begin at.
template <class S>
concept a_start = requires(const S& start, const at::Tensor& x, const at::Tensor& rows, const draw& where) {
  { start(x, rows, where) } -> std::convertible_to<at::Tensor>;
};

/// What is said of a callable that is no start.
struct start_form {
  /// Does not compile, and names the concept, where `Callable` does not fit.
  template <class Callable, class /*Signature*/>
  static constexpr void check() {
    static_assert(a_start<Callable>,
                  "the start does not fit redoubt::a_start: it must be callable, when const, as "
                  "(const at::Tensor& x, const at::Tensor& rows, const redoubt::draw& where) -> at::Tensor");
  }
};

/// Where a restart begins, as a value: (x [N, ...], rows int64 [N], where) -> perturbation like x.
///
/// The attack moves what it gives into ball and box, and throws std::invalid_argument for another shape. Draws keyed by
/// `rows` and `where` keep a sample's outcome independent of its batch; a start that keeps something per sample offers
/// `at(rows)`.
using start_function =
    row_function<at::Tensor(const at::Tensor& x, const at::Tensor& rows, const draw& where), start_form>;

/// A start at given points, another attack's result say: every restart begins there.
///
/// One point for each sample of the batch that is attacked; they follow their samples when others are dropped.
/// Throws std::invalid_argument where the points have not x's shape.
struct start_at {
  at::Tensor points;  ///< [N, ...] like x: points, not perturbations

  /// The perturbation `points` - x, of x's shape and dtype.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x, const at::Tensor& /*rows*/, const draw& /*where*/) const {
    require(points.defined() && points.sizes() == x.sizes(), "start_at: needs a point for each sample, of shape ",
            x.sizes(), ", has ", points.sizes());
    return points.detach().to(x.options()).sub(x);
  }

  /// The start for the samples `rows` (int64 [M]); throws std::invalid_argument for one that has no point.
  [[nodiscard]] start_at at(const at::Tensor& rows) const {
    if (points.defined() && rows.size(0) > 0) {
      const auto last = rows.max().item<std::int64_t>();
      require(last < points.size(0), "start_at: needs a point for each sample, has ", points.size(0),
              ", is asked for sample ", last);
    }
    return {tensor_at(points, rows)};
  }
};

}  // namespace redoubt
