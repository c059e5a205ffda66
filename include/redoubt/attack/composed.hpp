#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <redoubt/attack/input_transform.hpp>
#include <vector>

namespace redoubt {

/// Input transforms one after the other: `composed{translation_invariant{}, diverse_input{}}`.
///
/// The first is done first, so that the gradient meets it last. Each draws from a seed of its own. Those with state per
/// sample follow their samples. Of none it hands the point on.
class composed {
 public:
  /// The parts in the order in which they are done; none will do.
  composed(std::initializer_list<input_transform> parts) : parts_(parts) {}

  /// The input after all parts, from `point` [N, ...]; `rows` int64 [N]. Throws what a part throws.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& point, const at::Tensor& rows, const draw& where) const {
    at::Tensor input = point;
    draw own = where;
    for (const input_transform& part : parts_) {
      input = part(input, rows, own);
      own.seed += 0x9E3779B97F4A7C15;  // the golden ratio's bits: seeds that lie close stay apart
    }
    return input;
  }

  /// The parts for the samples `rows` (int64 [M]).
  [[nodiscard]] composed at(const at::Tensor& rows) const {
    composed some{};
    for (const input_transform& part : parts_) {
      some.parts_.push_back(part.at(rows));
    }
    return some;
  }

 private:
  std::vector<input_transform> parts_;
};

}  // namespace redoubt
