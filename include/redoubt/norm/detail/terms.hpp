#pragma once

namespace redoubt::detail {

/// K values of one element, or their sums over all elements.
template <class V, int K>
struct terms {
  V each[K];
};
template <class V, int K>
terms(const V (&)[K]) -> terms<V, K>;

}  // namespace redoubt::detail
