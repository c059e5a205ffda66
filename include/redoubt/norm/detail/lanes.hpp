#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <redoubt/norm/detail/number.hpp>
#include <type_traits>

namespace redoubt::detail {

/// Sixteen floats or eight doubles that are computed with at once: the host's stand-in for a number.
///
/// Written with the compilers' vector extension, so that no flag of the user's decides whether the loops are
/// vectorised, nor in which order sums are taken: the same bits with any instruction set.
/// Two registers of 32 bytes rather than one of 64: a pair is passed in memory under every instruction set, so that
/// functions compiled for different ones agree on how to call each other.
template <class T>
struct lanes {
  typedef T half __attribute__((vector_size(32)));  // NOLINT(modernize-use-using): clang 14 refuses it in a using
  static constexpr std::int64_t count = 64 / static_cast<std::int64_t>(sizeof(T));

  half low;
  half high;

  lanes() = default;
  lanes(T all) : low{half{} + all}, high{half{} + all} {}  // NOLINT(google-explicit-constructor): numbers mix in
  lanes(const half& first, const half& second) : low{first}, high{second} {}

  [[nodiscard]] static lanes load(const T* from) {
    lanes v;
    std::memcpy(&v.low, from, sizeof v.low);
    std::memcpy(&v.high, from + count / 2, sizeof v.high);
    return v;
  }

  void store(T* to) const {
    std::memcpy(to, &low, sizeof low);
    std::memcpy(to + count / 2, &high, sizeof high);
  }

  /// The first `some` of them, the others 0.
  [[nodiscard]] static lanes load(const T* from, std::int64_t some) {
    if (some >= count) [[likely]] {
      return load(from);
    }
    T all[count] = {};
    std::memcpy(all, from, static_cast<std::size_t>(some) * sizeof(T));
    return load(all);
  }

  void store(T* to, std::int64_t some) const {
    if (some >= count) [[likely]] {
      return store(to);
    }
    T all[count];
    store(all);
    std::memcpy(to, all, static_cast<std::size_t>(some) * sizeof(T));
  }

  friend lanes operator+(const lanes& a, const lanes& b) { return {a.low + b.low, a.high + b.high}; }
  friend lanes operator-(const lanes& a, const lanes& b) { return {a.low - b.low, a.high - b.high}; }
  friend lanes operator*(const lanes& a, const lanes& b) { return {a.low * b.low, a.high * b.high}; }
  friend lanes operator/(const lanes& a, const lanes& b) { return {a.low / b.low, a.high / b.high}; }

  /// Without the sign.
  friend lanes magnitude_of(const lanes& a) {
    return {reinterpret_cast<half>(reinterpret_cast<half_bits>(a.low) & ~sign),
            reinterpret_cast<half>(reinterpret_cast<half_bits>(a.high) & ~sign)};
  }

  /// `a`, which is not negative, with b's sign.
  friend lanes with_sign(const lanes& a, const lanes& b) {
    return {reinterpret_cast<half>(reinterpret_cast<half_bits>(a.low) | (reinterpret_cast<half_bits>(b.low) & sign)),
            reinterpret_cast<half>(reinterpret_cast<half_bits>(a.high) | (reinterpret_cast<half_bits>(b.high) & sign))};
  }

  /// Where a < b `yes`, elsewhere (a NaN included) `no`.
  friend lanes if_less(const lanes& a, const lanes& b, const lanes& yes, const lanes& no) {
    return {a.low < b.low ? yes.low : no.low, a.high < b.high ? yes.high : no.high};
  }

 private:
  using bits = std::conditional_t<sizeof(T) == sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;
  typedef bits half_bits __attribute__((vector_size(32)));  // NOLINT(modernize-use-using)
  static constexpr bits sign = bits{1} << (8 * sizeof(T) - 1);
};

/// A sum of lanes that does not lose what a long sum of floats loses: floats are added in short blocks, blocks in
/// double precision.
template <class T>
class lane_total {
 public:
  static constexpr std::int64_t block = 16;  ///< lanes to add to each other before they are added here

  void add(const lanes<T>& part) {
    low_ += __builtin_convertvector(part.low, wide);
    high_ += __builtin_convertvector(part.high, wide);
  }

  [[nodiscard]] double value() const {
    // By halves: one by one each addition would wait for the one before.
    four sum;
    if constexpr (std::is_same_v<wide, four>) {
      sum = low_ + high_;
    } else {
      const wide both = low_ + high_;
      four halves[2];
      std::memcpy(halves, &both, sizeof both);
      sum = halves[0] + halves[1];
    }
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
  }

 private:
  typedef double four __attribute__((vector_size(32)));   // NOLINT(modernize-use-using)
  typedef double eight __attribute__((vector_size(64)));  // NOLINT(modernize-use-using)
  using wide = std::conditional_t<sizeof(T) == sizeof(float), eight, four>;

  wide low_ = {};
  wide high_ = {};
};

}  // namespace redoubt::detail
