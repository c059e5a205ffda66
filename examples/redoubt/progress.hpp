#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace redoubt::program {

/// Where a bar is drawn. The default draws on stderr; tests bring their own.
struct progress_screen {
  std::function<void(std::string_view)> write;
  bool terminal = false;         ///< else whole lines, one every 10 s at most
  bool utf8 = false;             ///< whether the bar may be drawn with box characters
  std::function<int()> columns;  ///< asked before each drawing: a window may be resized
  std::function<std::chrono::steady_clock::time_point()> now;

  [[nodiscard]] static progress_screen of_stderr();
};

/// What one drawing shows.
struct progress_state {
  std::string label = {};    ///< what is going on, "training"
  std::string metrics = {};  ///< "epoch 3/12 · robust 0.71"
  double done = 0;
  double total = 0;    ///< 0: unknown
  double seconds = 0;  ///< since the start
  std::string unit;    ///< of done and total, "images"; empty: no rate is shown
};

/// One line of at most `columns` columns: what does not fit goes in the order rate, bar, end of the metrics.
/// Each code point is taken for one column.
[[nodiscard]] std::string progress_line(const progress_state& state, int columns, bool utf8);

/// A progress bar on one line of the terminal, for as long as the object lives.
///
///     progress bar("training", steps, "steps");
///     for (...) { bar.update(step, "epoch 3/12 · robust 0.71"); }
///
/// At most 10 drawings a second, each one write of one line; the line is cleared at the end. Where stderr is no
/// terminal, a plain line every 10 s at most. `update` costs a clock reading.
class progress {
 public:
  progress(std::string label, double total, std::string unit = {},
           progress_screen screen = progress_screen::of_stderr());
  ~progress();
  progress(progress&&) noexcept;
  progress& operator=(progress&&) noexcept;

  void update(double done, std::string_view metrics = {});

  /// Clears the line, e.g. before something else is printed; the next update draws again.
  void clear();

 private:
  struct drawing;
  std::unique_ptr<drawing> drawing_;
};

}  // namespace redoubt::program
