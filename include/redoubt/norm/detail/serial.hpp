#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <redoubt/norm/detail/lanes.hpp>
#include <redoubt/norm/detail/terms.hpp>
#include <vector>

namespace redoubt::detail {

/// What a sample x may become: [lower, upper] in each channel; or anything, where x is null.
template <class T>
struct sample_box {
  const T* x = nullptr;
  const T* lower = nullptr;      ///< [channels]
  const T* upper = nullptr;      ///< [channels]
  std::int64_t per_channel = 0;  ///< elements of a channel; channels follow one another
};

/// The elements of one perturbation as a projection sees them, on one thread of the host.
///
/// A projection is written once, as a template over this or over a device's counterpart. To it an element is a pair
/// (magnitude |d_i|, room: how far x_i may go in d_i's direction, at least 0). All that it does is to sum functions of
/// the pairs, to replace the pairs, and to write new magnitudes under the old signs.
template <class T>
class serial {
 public:
  using number = T;
  using element = lanes<T>;

  /// With no room yet, for what does not ask for it before it replaces the pairs, and for `set`.
  ///
  /// `scratch` is resized as needed; hand it on from sample to sample.
  serial(T* d, std::int64_t size, std::vector<T>& scratch) : d_{d}, size_{size} {
    const std::int64_t padded = (size + element::count - 1) / element::count * element::count;
    scratch.resize(static_cast<std::size_t>(padded));
    room_ = scratch.data();
    // Elements that are there to fill up the last lanes: zero, with nowhere to go, they count for nothing.
    for (std::int64_t i = size; i < padded; ++i) {
      room_[i] = 0;
    }
  }

  /// With the room that the box leaves.
  serial(T* d, std::int64_t size, const sample_box<T>& box, std::vector<T>& scratch) : serial{d, size, scratch} {
    if (box.x == nullptr) {
      std::fill(room_, room_ + size, std::numeric_limits<T>::infinity());
      return;
    }
    for (std::int64_t begin = 0, channel = 0; begin < size; begin += box.per_channel, ++channel) {
      const std::int64_t end = begin + box.per_channel;
      for (std::int64_t i = begin; i < end; i += element::count) {
        const element v = element::load(d_ + i, end - i);
        room_in(v, element::load(box.x + i, end - i), box.lower[channel], box.upper[channel]).store(room_ + i, end - i);
      }
    }
  }

  /// Sets the elements from i on, the first `some` of the lanes: their values, and their room where x may become
  /// anything in [lower, upper].
  void set(std::int64_t i, std::int64_t some, const element& value, const element& x, T lower, T upper) {
    value.store(d_ + i, some);
    room_in(value, x, lower, upper).store(room_ + i, some);
  }

  /// The K sums over all elements of the terms that f(magnitude, room) gives.
  template <int K, class F>
  [[nodiscard]] terms<double, K> sums(const F& f) const {
    lane_total<T> total[K];
    const auto add = [&](terms<element, K>& block, std::int64_t i) {
      const terms<element, K> next = f(magnitude(i), element::load(room_ + i));
      for (int k = 0; k < K; ++k) {
        block.each[k] = block.each[k] + next.each[k];
      }
    };
    for (std::int64_t i = 0; i < size_;) {
      // Two at a time, as an addition takes longer than what comes between it and the next.
      terms<element, K> even{};
      terms<element, K> odd{};
      const std::int64_t end = std::min(size_, i + lane_total<T>::block * element::count);
      for (; i + element::count < end; i += 2 * element::count) {
        add(even, i);
        add(odd, i + element::count);
      }
      if (i < end) {
        add(even, i);
        i += element::count;
      }
      for (int k = 0; k < K; ++k) {
        total[k].add(even.each[k] + odd.each[k]);
      }
    }
    terms<double, K> sum;
    for (int k = 0; k < K; ++k) {
      sum.each[k] = total[k].value();
    }
    return sum;
  }

  /// The largest magnitude.
  [[nodiscard]] T largest() const {
    element most = T{0};
    for (std::int64_t i = 0; i < size_; i += element::count) {
      most = larger(magnitude(i), most);
    }
    T each[element::count];
    most.store(each);
    return *std::max_element(each, each + element::count);
  }

  /// Replaces each pair by what f(magnitude, room) gives.
  template <class F>
  void replace(const F& f) {
    for (std::int64_t i = 0; i < size_; i += element::count) {
      const terms<element, 2> next = f(magnitude(i), element::load(room_ + i));
      with_sign(next.each[0], value(i)).store(d_ + i, size_ - i);
      next.each[1].store(room_ + i, size_ - i);
    }
  }

  /// d_i <- f(magnitude, room) with d_i's sign.
  template <class F>
  void write(const F& f) {
    for (std::int64_t i = 0; i < size_; i += element::count) {
      with_sign(f(magnitude(i), element::load(room_ + i)), value(i)).store(d_ + i, size_ - i);
    }
  }

  /// Keeps the elements whose second number exceeds `bound`, and of the first `ties` that equal it; the others become
  /// zero.
  void write_above(T bound, std::int64_t ties) {
    for (std::int64_t i = 0; i < size_; ++i) {
      const bool kept = room_[i] > bound || (room_[i] == bound && ties-- > 0);
      d_[i] = kept ? d_[i] : 0;
    }
  }

 private:
  [[nodiscard]] element value(std::int64_t i) const { return element::load(d_ + i, size_ - i); }
  [[nodiscard]] element magnitude(std::int64_t i) const { return magnitude_of(value(i)); }

  [[nodiscard]] static element room_in(const element& v, const element& x, T lower, T upper) {
    return larger(if_less(v, T{0}, x - lower, element{upper} - x), T{0});
  }

  T* d_;
  std::int64_t size_;
  T* room_ = nullptr;
};

}  // namespace redoubt::detail
