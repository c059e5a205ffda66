#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <redoubt/attack/detail/climb.hpp>
#include <redoubt/model/classifier.hpp>
#include <utility>

namespace redoubt::cuda::detail {

/// A run of a climb's steps for one number of samples, held as a graph, which reads and writes memory of its own.
///
/// `Graph` offers capture(body), which may call the body several times, and replay().
template <class Graph>
class captured_steps {
 public:
  using state = redoubt::detail::climb::state;

  /// The steps [from, to) for `samples` samples like those of `like`. Throws what a body that cannot be captured
  /// throws.
  captured_steps(redoubt::detail::climb climb, classifier_view model, const state& like, std::int64_t samples, int from,
                 int to)
      : climb_{std::move(climb)}, model_{std::move(model)}, held_{first_of(like, samples)} {
    graph_.capture([this, from, to] {
      state now = held_;
      climb_.take_steps(model_, now, from, to);
      held_.point.copy_(now.point);
    });
  }
  captured_steps(const captured_steps&) = delete;
  captured_steps& operator=(const captured_steps&) = delete;
  ~captured_steps() = default;

  /// Takes the steps for the samples of `now`, at most as many as were captured.
  void take(state& now) {
    load(held_.input.x, now.input.x);
    load(held_.input.y, now.input.y);
    each(now, [](at::Tensor& held, const at::Tensor& given) { load(held, given); });
    graph_.replay();
    // Copies: the next replay writes into the graph's own again.
    each(now, [](const at::Tensor& held, at::Tensor& given) { given = held.narrow(0, 0, given.size(0)).clone(); });
  }

 private:
  // What the steps change.
  template <class Work>
  void each(state& now, const Work& work) {
    work(held_.point, now.point);
    work(held_.best.points, now.best.points);
    work(held_.best.loss, now.best.loss);
    work(held_.best.fooled, now.best.fooled);
    work(held_.best.zero_gradient, now.best.zero_gradient);
  }

  // Too few samples are filled up with copies of the first, which no model minds.
  static void load(at::Tensor& held, const at::Tensor& given) {
    const std::int64_t samples = given.size(0);
    held.narrow(0, 0, samples).copy_(given);
    if (at::Tensor more = held.narrow(0, samples, held.size(0) - samples); more.numel() > 0) {
      more.copy_(given.narrow(0, 0, 1).expand_as(more));
    }
  }

  static state first_of(const state& like, std::int64_t samples) {
    const at::Tensor rows = like.input.y.new_zeros({samples});
    return {like.input.at(rows), like.point.index_select(0, rows), like.best.at(rows)};
  }

  // What the graph was made of lives as long: it reads their tensors.
  redoubt::detail::climb climb_;
  classifier_view model_;
  state held_;
  Graph graph_;
};

}  // namespace redoubt::cuda::detail
