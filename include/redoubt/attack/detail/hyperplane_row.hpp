#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

// One sample against one hyperplane in a box. No torch here; whatever the sample's type, the work is done in double.
namespace redoubt::detail {

/// What "least" means for a move.
enum class metric { linf, l2, l1 };

/// A point, the normal w of a hyperplane, and how far <w, .> must rise for the point to get there.
template <class Real>
struct hyperplane_row {
  const Real* point;
  const Real* normal;   ///< elements that are not finite count as zero
  const double* lower;  ///< of the box
  const double* upper;  ///< of the box
  std::int64_t size = 0;
  double rise = 0;  ///< of either sign
};

using pack [[gnu::vector_size(32)]] = double;
inline constexpr std::int64_t pack_size = 4;

// Packs travel by reference: passed by value, their calling convention would depend on the instruction set.
inline void load(const double* from, pack& to) {
  std::memcpy(&to, from, sizeof(to));
}

inline void load(const float* from, pack& to) {
  using narrow_pack [[gnu::vector_size(16)]] = float;
  narrow_pack values;
  std::memcpy(&values, from, sizeof(values));
  to = __builtin_convertvector(values, pack);
}

/// The first `left` elements, zeros after them.
template <class Real>
void load_some(const Real* from, std::int64_t left, pack& to) {
  if (left >= pack_size) {
    return load(from, to);
  }
  to = pack{};
  for (std::int64_t k = 0; k < left; ++k) {
    to[k] = from[k];
  }
}

inline void store(const pack& from, double* to) {
  std::memcpy(to, &from, sizeof(from));
}

template <class Real>
void store_some(const pack& from, std::int64_t left, Real* to) {
  for (std::int64_t k = 0; k < std::min(left, pack_size); ++k) {
    to[k] = static_cast<Real>(from[k]);
  }
}

/// The t >= 0 at which sum_i min(t * slope_i, gain_i) reaches `rise` >= 0; infinity where it never does.
///
/// `size` is a multiple of `pack_size`; slopes and gains are >= 0. Newton from the left: the sum is concave and
/// piecewise linear, so that no step overshoots, and the last one is exact. With h the missing rise and s the slope, a
/// step gives h'/h + s'/s <= 1: their product falls to a quarter or less each time. Typically under ten passes.
inline double reaching(const double* slope, const double* gain, std::int64_t size, double rise) {
  double t = 0;
  for (;;) {
    pack moving{};
    pack rest{};
    for (std::int64_t i = 0; i < size; i += pack_size) {
      pack a;
      pack g;
      load(slope + i, a);
      load(gain + i, g);
      const auto moves = t * a < g;
      moving += moves ? a : pack{};
      rest += moves ? pack{} : g;
    }
    const double steep = (moving[0] + moving[1]) + (moving[2] + moving[3]);
    if (!(steep > 0)) {
      return std::numeric_limits<double>::infinity();
    }
    const double next = (rise - ((rest[0] + rest[1]) + (rest[2] + rest[3]))) / steep;
    if (!(next > t)) {
      return t;
    }
    t = next;
  }
}

/// Which elements the cheapest way to a rise takes: those of a weight above `weight`, and `share` of those at it.
struct selection {
  double weight = 0;
  double share = 0;
};

/// An element's pull on the hyperplane and the whole of what it can give.
struct candidate {
  double weight;
  double gain;
};

/// The elements of the largest weights whose gains sum to `rise`; all of them where the gains do not suffice.
///
/// A selection by halves: no sort, each round drops the side on which the answer is not. `items` is used up; `spare` is
/// as large.
inline selection heaviest(candidate* items, candidate* spare, std::int64_t count, double rise) {
  for (int round = 0; count > 0; ++round) {
    double least = items[0].weight;
    double most = least;
    for (std::int64_t i = 1; i < count; ++i) {
      least = std::min(least, items[i].weight);
      most = std::max(most, items[i].weight);
    }
    if (least == most) {
      double sum = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        sum += items[i].gain;
      }
      return {least, sum > rise ? rise / sum : 1};
    }
    // Few weights are large: halving their range drops most. Halving the bits bounds the rounds for any weights.
    const double middle = round % 4 < 3 ? least + (most - least) / 2
                                        : std::bit_cast<double>(std::midpoint(std::bit_cast<std::uint64_t>(least),
                                                                              std::bit_cast<std::uint64_t>(most)));
    const double pivot = middle < most ? middle : least;
    std::int64_t above = 0;
    std::int64_t below = 0;
    double gained = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const candidate item = items[i];
      const bool heavy = item.weight > pivot;
      spare[above] = item;
      items[below] = item;
      above += heavy ? 1 : 0;
      below += heavy ? 0 : 1;
      gained += heavy ? item.gain : 0;
    }
    if (gained >= rise) {
      std::swap(items, spare);
      count = above;
    } else {
      rise -= gained;
      count = below;
    }
  }
  return {};
}

/// What one thread needs to solve rows of up to `size` elements.
struct hyperplane_scratch {
  explicit hyperplane_scratch(std::int64_t size)
      : padded{(size + pack_size - 1) / pack_size * pack_size},
        pull(static_cast<std::size_t>(padded)),
        room(pull.size()),
        slope(pull.size()),
        gain(pull.size()),
        items(pull.size()),
        spare(pull.size()) {}

  std::int64_t padded;
  std::vector<double> pull;  ///< the normal, turned so that the rise is positive, its largest element 1 in size
  std::vector<double> room;  ///< how far the box lets each element go along its pull
  std::vector<double> slope;
  std::vector<double> gain;
  std::vector<candidate> items;
  std::vector<candidate> spare;
};

/// Writes to `move` the least d, in `metric`, with <normal, d> = rise and lower <= point + d <= upper.
///
/// Where the box does not reach the hyperplane, the corner of the box that comes nearest to it (elements of weight zero
/// stay); where the normal is zero or the rise NaN, zero. `scratch` is for rows of this size.
template <class Real>
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
[[gnu::target_clones("avx2", "default")]]
#endif
void move_to_hyperplane(metric norm, const hyperplane_row<Real>& row, hyperplane_scratch& scratch, Real* move) {
  const double turn = row.rise < 0 ? -1 : 1;
  pack largest_each{};
  for (std::int64_t i = 0; i < scratch.padded; i += pack_size) {
    const std::int64_t left = row.size - i;
    pack w;
    pack at;
    pack low;
    pack high;
    load_some(row.normal + i, left, w);
    load_some(row.point + i, left, at);
    load_some(row.lower + i, left, low);
    load_some(row.upper + i, left, high);
    w = w * pack{} == pack{} ? w * turn : pack{};  // an infinite or NaN element counts for nothing
    const pack way = w > pack{} ? high - at : at - low;
    const pack size = w < pack{} ? -w : w;
    largest_each = size > largest_each ? size : largest_each;
    store(w, scratch.pull.data() + i);
    store(way > pack{} ? way : pack{}, scratch.room.data() + i);
  }
  const double largest =
      std::max(std::max(largest_each[0], largest_each[1]), std::max(largest_each[2], largest_each[3]));
  if (!(largest > 0) || std::isnan(row.rise)) {
    std::fill(move, move + row.size, Real{0});
    return;
  }
  for (std::int64_t i = 0; i < scratch.padded; i += pack_size) {
    pack w;
    pack way;
    load(scratch.pull.data() + i, w);
    load(scratch.room.data() + i, way);
    w /= largest;
    const pack size = w < pack{} ? -w : w;
    store(w, scratch.pull.data() + i);
    store(norm == metric::l2 ? size * size : size, scratch.slope.data() + i);
    store(size * way, scratch.gain.data() + i);
  }
  const double rise = row.rise * turn / largest;

  double t = 0;
  selection chosen;
  if (norm == metric::l1) {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < scratch.padded; ++i) {
      const auto k = static_cast<std::size_t>(i);
      scratch.items[static_cast<std::size_t>(count)] = {scratch.slope[k], scratch.gain[k]};
      count += scratch.gain[k] > 0 ? 1 : 0;
    }
    chosen = heaviest(scratch.items.data(), scratch.spare.data(), count, rise);
  } else {
    t = reaching(scratch.slope.data(), scratch.gain.data(), scratch.padded, rise);
  }

  for (std::int64_t i = 0; i < scratch.padded; i += pack_size) {
    pack w;
    pack way;
    load(scratch.pull.data() + i, w);
    load(scratch.room.data() + i, way);
    const pack size = w < pack{} ? -w : w;
    pack far;
    if (norm == metric::l1) {
      const pack part = size == chosen.weight ? way * chosen.share : pack{};
      far = size > chosen.weight ? way : part;
    } else {
      const pack wanted = norm == metric::l2 ? t * size : t + pack{};
      far = wanted < way ? wanted : way;
    }
    far = w < pack{} ? -far : far;
    store_some(size > pack{} ? far : pack{}, row.size - i, move + i);
  }
}

}  // namespace redoubt::detail
