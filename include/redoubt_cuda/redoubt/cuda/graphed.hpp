#pragma once

#include <redoubt/attack/pgd.hpp>
#include <redoubt/cuda/detail/graphed_pgd.hpp>
#include <redoubt/cuda/graph.hpp>
#include <utility>

namespace redoubt {

/// PGD on `model` whose steps (forward, gradient, step) run as CUDA graphs: one launch for all of a restart.
///
/// `auto fast = graphed(pgd{...}, model); fast(x, y, rows)` gives what the attack gives, `fast.run(x, y, rows)` what it
/// noticed, too. Graphs are made for the largest batch met and for halves of it, when first needed (four runs of the
/// steps each); later restarts and, with `drop_fooled`, later steps attack the survivors with the smallest that holds
/// them. With `drop_fooled` the best of ten steps stands, not the first point that fools. Starts are drawn outside the
/// graphs: every restart has its own.
///
/// The model must outlive the result, take the same steps for every batch of a size and never ask the GPU for a number
/// (`.item()`). Its parameters may change in place between calls, modes and shapes may not. Where that fails, and for
/// what a graph cannot hold (radii, steps or losses per sample, transforms, stopping rules, inputs on the host), the
/// attack's steps are queued one by one: said once, as a LibTorch warning, and again by `why_not_graphed()`. Balls and
/// step rules of your own must not begin with anything per sample.
///
/// Throws what the attack throws. Memory: the attack's for each graph. Not for use by two threads at once.
template <class Ball, class Rule, class Model>
[[nodiscard]] cuda::detail::graphed_pgd<Ball, Rule, Model, cuda::graph> graphed(pgd<Ball, Rule> attack, Model& model) {
  return {std::move(attack), model};
}

}  // namespace redoubt
