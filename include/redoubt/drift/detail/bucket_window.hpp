#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace redoubt::detail {

/// A window of values in buckets of 1, 2, 4, ... of them, at most `max_buckets` of each size (an exponential
/// histogram). Keeps the window's sum and squared deviations up to date as buckets merge and the oldest is dropped.
class bucket_window {
 public:
  explicit bucket_window(int max_buckets) : room_{static_cast<std::size_t>(max_buckets) + 1} { add_row(); }

  void push(double value) {
    if (width_ > 0) {
      const auto width = static_cast<double>(width_);
      const double away = value - sum_ / width;
      squared_deviations_ += width * away * away / (width + 1);
    }
    sum_ += value;
    ++width_;
    append(0, {value, 0});
  }

  void drop_oldest() {
    const std::size_t row = used_.size() - 1;
    const bucket oldest = pop_front(row);
    const std::int64_t size = std::int64_t{1} << row;
    width_ -= size;
    sum_ -= oldest.sum;
    if (width_ == 0) {
      sum_ = squared_deviations_ = 0;
    } else {
      const auto dropped = static_cast<double>(size);
      const auto kept = static_cast<double>(width_);
      const double apart = oldest.sum / dropped - sum_ / kept;
      squared_deviations_ -= oldest.squared_deviations + dropped * kept * apart * apart / (dropped + kept);
      squared_deviations_ = std::max(squared_deviations_, 0.0);  // rounding must not leave a negative variance
    }
    while (used_.size() > 1 && used_.back() == 0) {
      remove_row();
    }
  }

  void clear() {
    used_.clear();
    buckets_.clear();
    width_ = 0;
    sum_ = squared_deviations_ = 0;
    add_row();
  }

  /// Whether `differ(length, sum)` holds for the part older than some border between buckets, oldest border first.
  template <class Predicate>
  [[nodiscard]] bool any_border(Predicate differ) const {
    double length = 0;
    double sum = 0;
    for (std::size_t row = used_.size(); row-- > 0;) {
      const auto size = static_cast<double>(std::int64_t{1} << row);
      const bucket* first = buckets_.data() + row * room_;
      for (const bucket* each = first; each != first + used_[row]; ++each) {
        length += size;
        sum += each->sum;
        if (differ(length, sum)) {
          return true;
        }
      }
    }
    return false;
  }

  [[nodiscard]] std::int64_t width() const { return width_; }
  [[nodiscard]] double sum() const { return sum_; }
  [[nodiscard]] double squared_deviations() const { return squared_deviations_; }

 private:
  struct bucket {
    double sum = 0;
    double squared_deviations = 0;
  };

  void append(std::size_t row, bucket newest) {
    if (row == used_.size()) {
      add_row();
    }
    buckets_[row * room_ + used_[row]++] = newest;
    if (used_[row] == room_) {
      const bucket oldest = pop_front(row);
      append(row + 1, merged(oldest, pop_front(row), std::int64_t{1} << row));
    }
  }

  static bucket merged(bucket a, bucket b, std::int64_t size) {
    const double apart = a.sum - b.sum;
    return {a.sum + b.sum,
            a.squared_deviations + b.squared_deviations + apart * apart / (2 * static_cast<double>(size))};
  }

  bucket pop_front(std::size_t row) {
    const auto first = buckets_.begin() + static_cast<std::ptrdiff_t>(row * room_);
    const bucket oldest = *first;
    std::copy(first + 1, first + static_cast<std::ptrdiff_t>(used_[row]), first);
    --used_[row];
    return oldest;
  }

  void add_row() {
    used_.push_back(0);
    buckets_.resize(buckets_.size() + room_);
  }

  void remove_row() {
    used_.pop_back();
    buckets_.resize(buckets_.size() - room_);
  }

  std::size_t room_;               ///< places a row: one more than it keeps, for the bucket that makes two merge
  std::vector<std::size_t> used_;  ///< buckets in each row; a bucket of row r holds 2^r values
  std::vector<bucket> buckets_;    ///< row after row, each oldest first
  std::int64_t width_ = 0;
  double sum_ = 0;
  double squared_deviations_ = 0;
};

}  // namespace redoubt::detail
