#include "progress.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace redoubt::program;
using namespace std::chrono_literals;

namespace {

/// A screen that keeps what was written, and a clock that goes when told.
struct recorder {
  std::vector<std::string> writes;
  std::chrono::steady_clock::time_point time;
  int columns = 80;

  progress_screen screen(bool terminal) {
    return {.write = [this](std::string_view text) { writes.emplace_back(text); },
            .terminal = terminal,
            .utf8 = false,
            .columns = [this] { return columns; },
            .now = [this] { return time; }};
  }
};

std::size_t code_points(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) {
    count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  }
  return count;
}

const progress_state sample{.label = "training",
                            .metrics = "epoch 3/12 · robust 0.71",
                            .done = 25,
                            .total = 100,
                            .seconds = 30,
                            .unit = "steps"};

}  // namespace

TEST_CASE("a wide line shows label, bar, share, rate, time left and metrics") {
  CHECK(progress_line(sample, 120, false) ==
        "training  ======------------------   25 %  0.83 steps/s  1:30 left  epoch 3/12 · robust 0.71");
  CHECK(progress_line(sample, 120, true).find("━━━━━━──────────────────") != std::string::npos);
}

TEST_CASE("a narrow line drops the rate, then the bar, then the end of the metrics") {
  CHECK(progress_line(sample, 80, false) ==
        "training  ======------------------   25 %  1:30 left  epoch 3/12 · robust 0.71");
  CHECK(progress_line(sample, 60, false) == "training   25 %  1:30 left  epoch 3/12 · robust 0.71");
  CHECK(progress_line(sample, 40, false) == "training   25 %  1:30 left  epoch 3/12 ·");
}

TEST_CASE("a line is never wider than asked, and never ends within a character") {
  for (int columns = 0; columns < 130; ++columns) {
    const std::string line = progress_line(sample, columns, true);
    CHECK(code_points(line) <= static_cast<std::size_t>(columns));
    CHECK((line.empty() || line.back() != '\xC2'));  // the first byte of "·"
  }
}

TEST_CASE("without a total the time so far is shown, without work done no rate and no time left") {
  progress_state state = sample;
  state.total = 0;
  CHECK(progress_line(state, 120, false) == "training  0.83 steps/s  0:30  epoch 3/12 · robust 0.71");
  state = {.label = "starting", .metrics = {}, .total = 10, .unit = "steps"};
  CHECK(progress_line(state, 120, false) == "starting  ------------------------    0 %");
}

TEST_CASE("more done than there was is all") {
  progress_state state = sample;
  state.done = 150;
  CHECK(progress_line(state, 120, false).find("100 %") != std::string::npos);
}

TEST_CASE("times and rates are spelled for their size") {
  const auto line = [](double done, double total, double seconds) {
    return progress_line({.label = {}, .metrics = {}, .done = done, .total = total, .seconds = seconds, .unit = "x"},
                         99, false);
  };
  CHECK(line(1, 101, 36.05).find("1:00:05 left") != std::string::npos);
  CHECK(line(500, 1000, 1).find("500 x/s") != std::string::npos);
  CHECK(line(25, 1000, 2).find("12.5 x/s") != std::string::npos);
  CHECK(line(2500, 1e4, 2).find("1.2k x/s") != std::string::npos);
  CHECK(line(5e6, 1e9, 1).find("5.0M x/s") != std::string::npos);
}

TEST_CASE("a terminal is drawn at most ten times a second, each time one write of one line") {
  recorder record;
  {
    progress bar("work", 1000, "steps", record.screen(true));
    for (int step = 0; step < 1000; ++step) {  // a second
      bar.update(step);
      record.time += 1ms;
    }
    CHECK(record.writes.size() == 10);
    for (const std::string& drawn : record.writes) {
      CHECK(drawn.starts_with("\rwork  "));
      CHECK(drawn.ends_with("\x1b[K"));
      CHECK(drawn.find('\n') == std::string::npos);
    }
  }
  CHECK(record.writes.back() == "\r\x1b[K");
}

TEST_CASE("a drawing leaves the last column free and follows a window that is resized") {
  recorder record;
  progress bar("a label that is long", 10, "steps", record.screen(true));
  for (const int columns : {30, 10, 1}) {
    record.columns = columns;
    record.time += 1s;
    bar.update(5, "metrics");
    const std::string& drawn = record.writes.back();
    CHECK(drawn.size() - std::string("\r\x1b[K").size() <= static_cast<std::size_t>(columns - 1));
  }
}

TEST_CASE("clearing is done once, and only where something was drawn") {
  recorder record;
  {
    progress bar("work", 10, {}, record.screen(true));
    bar.clear();
    CHECK(record.writes.empty());
    bar.update(1);
    bar.clear();
    bar.clear();
    CHECK(record.writes.size() == 2);
  }
  CHECK(record.writes.size() == 2);
}

TEST_CASE("what is no terminal gets a plain line every ten seconds at most") {
  recorder record;
  {
    progress bar("work", 100, "steps", record.screen(false));
    for (int step = 0; step <= 100; ++step) {  // 25 s
      bar.update(step, "loss 0.5");
      record.time += 250ms;
    }
  }
  REQUIRE(record.writes.size() == 2);
  CHECK(record.writes[0] == "work   40 %  0:15 left  loss 0.5\n");
  CHECK(record.writes[1] == "work   80 %  0:05 left  loss 0.5\n");
}

TEST_CASE("a bar can be moved, and clears the line once") {
  recorder record;
  {
    progress bar("one", 10, {}, record.screen(true));
    bar.update(1);
    progress moved = std::move(bar);
    moved = progress("two", 10, {}, record.screen(true));
    CHECK(record.writes.back() == "\r\x1b[K");
    CHECK(record.writes.size() == 2);
  }
  CHECK(record.writes.size() == 2);
}
