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

  /// `scratch` is resized as needed; hand it on from sample to sample.
  serial(T* d, std::int64_t size, const sample_box<T>& box, std::vector<T>& scratch)
      : d_{d}, size_{size}, padded_{(size + element::count - 1) / element::count * element::count} {
    scratch.resize(static_cast<std::size_t>(2 * padded_));
    magnitude_ = scratch.data();
    room_ = magnitude_ + padded_;
    // Elements that are there to fill up the last lanes: zero, with nowhere to go, they count for nothing.
    for (std::int64_t i = size; i < padded_; ++i) {
      magnitude_[i] = room_[i] = 0;
    }
    if (box.x == nullptr) {
      read(0, size, [](const element&, std::int64_t, std::int64_t) { return std::numeric_limits<T>::infinity(); });
      return;
    }
    for (std::int64_t begin = 0, channel = 0; begin < size; begin += box.per_channel, ++channel) {
      read(begin, begin + box.per_channel, [&](const element& v, std::int64_t i, std::int64_t some) {
        const element x = element::load(box.x + i, some);
        return larger(if_less(v, T{0}, x - box.lower[channel], box.upper[channel] - x), T{0});
      });
    }
  }

  [[nodiscard]] std::int64_t size() const { return size_; }

  /// The K sums over all elements of the terms that f(magnitude, room) gives.
  template <int K, class F>
  [[nodiscard]] terms<double, K> sums(const F& f) const {
    lane_total<T> total[K];
    for (std::int64_t i = 0; i < padded_;) {
      terms<element, K> block{};
      const std::int64_t end = std::min(padded_, i + lane_total<T>::block * element::count);
      for (; i < end; i += element::count) {
        const terms<element, K> next = f(element::load(magnitude_ + i), element::load(room_ + i));
        for (int k = 0; k < K; ++k) {
          block.each[k] = block.each[k] + next.each[k];
        }
      }
      for (int k = 0; k < K; ++k) {
        total[k].add(block.each[k]);
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
    for (std::int64_t i = 0; i < padded_; i += element::count) {
      most = larger(element::load(magnitude_ + i), most);
    }
    T each[element::count];
    most.store(each);
    return *std::max_element(each, each + element::count);
  }

  /// Replaces each pair by what f(magnitude, room) gives.
  template <class F>
  void replace(const F& f) {
    for (std::int64_t i = 0; i < padded_; i += element::count) {
      const terms<element, 2> next = f(element::load(magnitude_ + i), element::load(room_ + i));
      next.each[0].store(magnitude_ + i);
      next.each[1].store(room_ + i);
    }
  }

  /// d_i <- f(magnitude, room) with d_i's sign.
  template <class F>
  void write(const F& f) {
    for (std::int64_t i = 0; i < size_; i += element::count) {
      const element next = f(element::load(magnitude_ + i), element::load(room_ + i));
      const element before = element::load(d_ + i, size_ - i);
      if_less(before, T{0}, T{0} - next, next).store(d_ + i, size_ - i);
    }
  }

  /// Keeps the magnitude of the elements whose second number exceeds `bound`, and of the first `ties` that equal it;
  /// the others become zero.
  void write_above(T bound, std::int64_t ties) {
    for (std::int64_t i = 0; i < size_; ++i) {
      const bool kept = room_[i] > bound || (room_[i] == bound && ties-- > 0);
      d_[i] = !kept ? 0 : d_[i] < 0 ? -magnitude_[i] : magnitude_[i];
    }
  }

 private:
  // The pairs of the elements [begin, end).
  template <class Room>
  [[gnu::always_inline]] void read(std::int64_t begin, std::int64_t end, const Room& room) {
    for (std::int64_t i = begin; i < end; i += element::count) {
      const std::int64_t some = end - i;
      const element v = element::load(d_ + i, some);
      larger(v, T{0} - v).store(magnitude_ + i, some);
      element{room(v, i, some)}.store(room_ + i, some);
    }
  }

  T* d_;
  std::int64_t size_;
  std::int64_t padded_;
  T* magnitude_;
  T* room_;
};

}  // namespace redoubt::detail
