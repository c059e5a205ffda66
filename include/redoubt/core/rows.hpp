#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <functional>
#include <type_traits>

namespace redoubt {

/// The row numbers 0..count-1, int64 [count], on the device of `like`.
[[nodiscard]] inline at::Tensor row_numbers(std::int64_t count, const at::Tensor& like) {
  return like.new_ones({count}, at::kLong).cumsum(0).sub_(1);
}

/// A part with state for each sample: `at(rows)` is the part for those samples.
template <class P>
concept has_rows = requires(const P& part, const at::Tensor& rows) {
  { part.at(rows) } -> std::convertible_to<P>;
};

/// `part` for the samples `rows` (int64 [M]): its own `at`, or the part itself where it keeps nothing per sample.
template <class Part>
[[nodiscard]] Part at_rows(const Part& part, const at::Tensor& rows) {
  if constexpr (requires { part.at(rows); }) {
    // A part that inherits its `at` would be cut down to its base, or keep the state of samples that are gone.
    static_assert(has_rows<Part>, "at_rows: a part's at(rows) must give a part of the same type (redoubt::has_rows)");
    return part.at(rows);
  } else {
    return part;
  }
}

/// `t` for the samples `rows` (int64 [M]); undefined where t is.
[[nodiscard]] inline at::Tensor tensor_at(const at::Tensor& t, const at::Tensor& rows) {
  return t.defined() ? t.index_select(0, rows) : t;
}

/// What a `row_function` says of a callable that does not fit, if its kind says nothing better.
struct any_form {
  /// Does not compile where `Callable` does not fit `Signature`.
  template <class Callable, class Signature>
  static constexpr void check() {
    static_assert(std::is_constructible_v<std::function<Signature>, const Callable&>,
                  "row_function: the callable does not fit the signature, or is not callable when const");
  }
};

/// A part of an attack as a value; see what is said of `Signature` = Result(Arguments...).
template <class Signature, class Form = any_form>
class row_function;

/// Any callable as a value, for a part of an attack that is called once a step: a lambda will do.
///
/// A callable that keeps something per sample offers `at(rows)`, and follows its samples when others are dropped.
/// Empty by default; true once it holds one. `Form` is what explains, to the compiler's reader, a callable that does
/// not fit: a constraint would leave him with the deduction failures of whatever attack was to hold it.
template <class Result, class... Arguments, class Form>
class row_function<Result(Arguments...), Form> {
 public:
  row_function() = default;

  /// Holds a copy of `callable`. One that does not fit does not compile, and `Form` says why.
  template <class Callable>
  requires(!std::same_as<std::remove_cvref_t<Callable>, row_function>)
      row_function(Callable callable) {  // NOLINT(google-explicit-constructor): `.loss = dlr{}` is the spelling
    Form::template check<Callable, Result(Arguments...)>();
    if constexpr (std::is_invocable_r_v<Result, const Callable&, Arguments...>) {
      call_ = callable;
      at_ = [callable](const at::Tensor& rows) { return row_function{at_rows(callable, rows)}; };
      follows_rows_ = has_rows<Callable>;
    }
  }

  /// Whether it holds a callable.
  explicit operator bool() const { return static_cast<bool>(call_); }

  /// Calls what it holds; throws std::bad_function_call where it holds nothing.
  Result operator()(Arguments... arguments) const { return call_(arguments...); }

  /// The callable for the samples `rows` (int64 [M]): its own `at`, or itself where it keeps nothing per sample.
  [[nodiscard]] row_function at(const at::Tensor& rows) const { return at_ ? at_(rows) : row_function{}; }

  /// Whether the callable keeps something per sample.
  [[nodiscard]] bool follows_rows() const { return follows_rows_; }

 private:
  std::function<Result(Arguments...)> call_;
  std::function<row_function(const at::Tensor&)> at_;
  bool follows_rows_ = false;
};

}  // namespace redoubt
