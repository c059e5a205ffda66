#include "progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace redoubt::program {
namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto between_drawings = 100ms;
constexpr auto between_lines = 10s;
constexpr int bar_columns = 24;

bool starts_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}

int columns_of(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), starts_code_point));
}

/// The first `columns` code points of `text`.
std::string_view cut(std::string_view text, int columns) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (starts_code_point(text[at]) && columns-- <= 0) {
      break;
    }
  }
  return text.substr(0, at);
}

std::string bar(double fraction, bool utf8) {
  const int full = static_cast<int>(fraction * bar_columns);
  std::string drawn;
  for (int i = 0; i < bar_columns; ++i) {
    drawn += i < full ? (utf8 ? "━" : "=") : (utf8 ? "─" : "-");
  }
  return drawn;
}

std::string percent(double fraction) {
  char text[8];
  std::snprintf(text, sizeof text, "%3d %%", static_cast<int>(fraction * 100));
  return text;
}

/// 0:07, 12:34, 1:02:03.
std::string spelled_time(double seconds) {
  const long whole = std::lround(std::min(seconds, 359999.0));
  char text[32];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return text;
}

/// Three digits and a magnitude: 0.53, 12.4, 340, 1.2k, 3.4M.
std::string spelled_rate(double rate, const std::string& unit) {
  const char* magnitude = rate >= 1e6 ? "M" : rate >= 1e3 ? "k" : "";
  const double scaled = rate >= 1e6 ? rate / 1e6 : rate >= 1e3 ? rate / 1e3 : rate;
  const int digits = scaled >= 100 ? 0 : scaled >= 10 || rate >= 1e3 ? 1 : 2;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f%s ", digits, scaled, magnitude);
  return text + unit + "/s";
}

double fraction_of(const progress_state& state) {
  return state.total > 0 ? std::clamp(state.done / state.total, 0.0, 1.0) : 0;
}

/// Time left at the mean speed so far: it does not jump as a short window's would.
std::string time_left(const progress_state& state) {
  const double fraction = fraction_of(state);
  return fraction > 0 ? spelled_time(state.seconds * (1 - fraction) / fraction) + " left" : "";
}

std::string rate(const progress_state& state) {
  const bool known = !state.unit.empty() && state.done > 0 && state.seconds > 0;
  return known ? spelled_rate(state.done / state.seconds, state.unit) : "";
}

std::string joined(std::initializer_list<std::string> parts) {
  std::string line;
  for (const std::string& part : parts) {
    line += (line.empty() || part.empty() ? "" : "  ") + part;
  }
  return line;
}

bool is_utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') {
      const std::string_view locale = value;
      return locale.find("UTF-8") != std::string_view::npos || locale.find("utf8") != std::string_view::npos;
    }
  }
  return false;
}

bool is_drawable_terminal() {
  const char* type = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && type != nullptr && std::string_view(type) != "dumb";
}

int terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

progress_screen progress_screen::of_stderr() {
  return {.write =
              [](std::string_view text) {
                std::fwrite(text.data(), 1, text.size(), stderr);
                std::fflush(stderr);
              },
          .terminal = is_drawable_terminal(),
          .utf8 = is_utf8_locale(),
          .columns = terminal_columns,
          .now = clock::now};
}

std::string progress_line(const progress_state& state, int columns, bool utf8) {
  const double fraction = fraction_of(state);
  const bool known = state.total > 0;
  const std::string drawn = known ? bar(fraction, utf8) : "";
  const std::string share = known ? percent(fraction) : "";
  const std::string left = known ? time_left(state) : spelled_time(state.seconds);
  const std::string slim = joined({state.label, share, left, state.metrics});
  for (const std::string& line : {joined({state.label, drawn, share, rate(state), left, state.metrics}),
                                  joined({state.label, drawn, share, left, state.metrics})}) {
    if (columns_of(line) <= columns) {
      return line;
    }
  }
  return std::string(cut(slim, columns));
}

struct progress::drawing {
  progress_screen screen;
  progress_state state;
  clock::time_point start;
  clock::time_point last;
  bool on_line = false;  ///< something of ours stands on the terminal's line

  void draw() {
    // The last column stays free: writing it makes some terminals wrap.
    const std::string line = progress_line(state, std::max(screen.columns() - 1, 0), screen.utf8);
    screen.write("\r" + line + "\x1b[K");
    on_line = true;
  }

  void print() {
    const std::string share = state.total > 0 ? percent(fraction_of(state)) : "";
    screen.write(joined({state.label, share, time_left(state), state.metrics}) + "\n");
  }

  void clear() {
    if (std::exchange(on_line, false)) {
      screen.write("\r\x1b[K");
    }
  }
};

progress::progress(std::string label, double total, std::string unit, progress_screen screen)
    : drawing_(std::make_unique<drawing>()) {
  const clock::time_point now = screen.now();
  // A terminal gets its first drawing with the first update, a log its first line after the first interval.
  const clock::time_point last = screen.terminal ? now - between_drawings : now;
  *drawing_ = {.screen = std::move(screen),
               .state = {.label = std::move(label), .metrics = {}, .total = total, .unit = std::move(unit)},
               .start = now,
               .last = last};
}

progress::~progress() {
  if (drawing_) {
    drawing_->clear();
  }
}

progress::progress(progress&&) noexcept = default;

progress& progress::operator=(progress&& other) noexcept {
  if (drawing_) {
    drawing_->clear();
  }
  drawing_ = std::move(other.drawing_);
  return *this;
}

void progress::update(double done, std::string_view metrics) {
  const clock::time_point now = drawing_->screen.now();
  const bool terminal = drawing_->screen.terminal;
  if (now - drawing_->last < (terminal ? clock::duration(between_drawings) : clock::duration(between_lines))) {
    return;
  }
  drawing_->last = now;
  drawing_->state.done = done;
  drawing_->state.metrics = metrics;
  drawing_->state.seconds = std::chrono::duration<double>(now - drawing_->start).count();
  terminal ? drawing_->draw() : drawing_->print();
}

void progress::clear() {
  drawing_->clear();
}

}  // namespace redoubt::program
