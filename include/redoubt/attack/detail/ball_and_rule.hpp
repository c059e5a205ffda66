#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>
#include <utility>

namespace redoubt::detail {

/// A ball and a step rule as one value, whatever their types: all that a climb asks of them.
///
/// A copy has a rule of its own, in the state of the one it was copied from. Cost: a virtual call beside tensor
/// operations.
class ball_and_rule {
 public:
  template <a_ball Ball, a_step_rule<Ball> Rule>
  ball_and_rule(const Ball& ball, const Rule& rule) : held_{std::make_unique<pair<Ball, Rule>>(ball, rule)} {}

  ball_and_rule(const ball_and_rule& other) : held_{other.held_->copy()} {}
  ball_and_rule(ball_and_rule&&) noexcept = default;
  ball_and_rule& operator=(ball_and_rule other) noexcept {
    held_ = std::move(other.held_);
    return *this;
  }
  ~ball_and_rule() = default;

  /// The rule's next perturbation, whose memory is nobody else's: it is moved into the ball in place.
  ///
  /// Throws std::invalid_argument, naming `who`, where the rule gives one of another shape than x.
  [[nodiscard]] at::Tensor next(const step_view& now, const char* who) {
    at::Tensor d = held_->next(now);
    require(d.sizes() == now.x.sizes(), who, ": the step rule must give a perturbation of shape ", now.x.sizes(),
            ", gave ", d.sizes());
    const bool own = d.use_count() == 1 && d.storage().use_count() == 1 && d.is_non_overlapping_and_dense();
    return own ? d : d.clone();
  }

  /// Moves `now.point` by the rule's next step, in ball and box, if the rule takes whole steps at once: whether it did.
  [[nodiscard]] bool move_(step_view& now) { return held_->move_(now); }

  /// Where the rule wants its gradient: at the point, if it does not say otherwise.
  [[nodiscard]] at::Tensor looked_at(const at::Tensor& x, const at::Tensor& point, const box& bounds) {
    at::Tensor d = held_->look(x, point);
    return d.defined() ? constrained_point(d, x, bounds) : point;
  }

  /// See core's `constrained_point`.
  [[nodiscard]] at::Tensor constrained_point(at::Tensor d, const at::Tensor& x, const box& bounds) const {
    return held_->constrained(std::move(d), x, bounds);
  }

  /// A draw from the ball for each sample of x.
  [[nodiscard]] at::Tensor sample(const at::Tensor& x, const at::Tensor& rows, const draw& where) const {
    return held_->sample(x, rows, where);
  }

  [[nodiscard]] ball_and_rule at(const at::Tensor& rows) const { return ball_and_rule{held_->at(rows)}; }

  /// With `radii` times the radius.
  [[nodiscard]] ball_and_rule widened(double radii) const { return ball_and_rule{held_->widened(radii)}; }

  /// How many radii wide the ball wants to be at first; 1 if it says nothing.
  [[nodiscard]] double widest() const { return held_->widest(); }

 private:
  struct any_pair {
    any_pair() = default;
    any_pair(const any_pair&) = default;
    any_pair(any_pair&&) = delete;
    any_pair& operator=(const any_pair&) = delete;
    any_pair& operator=(any_pair&&) = delete;
    virtual ~any_pair() = default;
    [[nodiscard]] virtual std::unique_ptr<any_pair> copy() const = 0;
    [[nodiscard]] virtual at::Tensor next(const step_view& now) = 0;
    [[nodiscard]] virtual bool move_(step_view& now) = 0;
    [[nodiscard]] virtual at::Tensor look(const at::Tensor& x, const at::Tensor& point) = 0;
    [[nodiscard]] virtual at::Tensor constrained(at::Tensor d, const at::Tensor& x, const box& bounds) const = 0;
    [[nodiscard]] virtual at::Tensor sample(const at::Tensor& x, const at::Tensor& rows, const draw& where) const = 0;
    [[nodiscard]] virtual std::unique_ptr<any_pair> at(const at::Tensor& rows) const = 0;
    [[nodiscard]] virtual std::unique_ptr<any_pair> widened(double radii) const = 0;
    [[nodiscard]] virtual double widest() const = 0;
  };

  template <class Ball, class Rule>
  struct pair final : any_pair {
    Ball ball;
    Rule rule;

    pair(Ball b, Rule r) : ball{std::move(b)}, rule{std::move(r)} {}

    [[nodiscard]] std::unique_ptr<any_pair> copy() const override { return std::make_unique<pair>(*this); }
    [[nodiscard]] at::Tensor next(const step_view& now) override { return rule.next(ball, now); }
    [[nodiscard]] bool move_(step_view& now) override {
      if constexpr (requires { rule.move_(ball, now); }) {
        return rule.move_(ball, now);
      } else {
        return false;
      }
    }
    [[nodiscard]] at::Tensor look(const at::Tensor& x, const at::Tensor& point) override {
      if constexpr (requires { rule.look(ball, x, point); }) {
        return rule.look(ball, x, point);
      } else {
        return {};
      }
    }
    [[nodiscard]] at::Tensor constrained(at::Tensor d, const at::Tensor& x, const box& bounds) const override {
      return redoubt::constrained_point(ball, std::move(d), x, bounds);
    }
    [[nodiscard]] at::Tensor sample(const at::Tensor& x, const at::Tensor& rows, const draw& where) const override {
      return ball.sample(x, rows, where);
    }
    [[nodiscard]] std::unique_ptr<any_pair> at(const at::Tensor& rows) const override {
      return std::make_unique<pair>(at_rows(ball, rows), at_rows(rule, rows));
    }
    [[nodiscard]] std::unique_ptr<any_pair> widened(double radii) const override {
      return std::make_unique<pair>(with_radius(ball, radius_of(ball).times(radii)), rule);
    }
    [[nodiscard]] double widest() const override {
      if constexpr (requires { Ball::widest; }) {
        return Ball::widest;
      } else {
        return 1;
      }
    }
  };

  explicit ball_and_rule(std::unique_ptr<any_pair> held) : held_{std::move(held)} {}

  std::unique_ptr<any_pair> held_;
};

}  // namespace redoubt::detail
