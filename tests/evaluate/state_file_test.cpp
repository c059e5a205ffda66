#include <redoubt/evaluate/state_file.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <stdexcept>
#include <string>

#include "../program/temporary_folder.hpp"
#include "hundred_samples.hpp"

using redoubt::robust_accuracy;
using redoubt::robustness;
using redoubt::state_file;
using redoubt::testing::check_same;
using redoubt::testing::hundred_samples;
using redoubt::testing::two_attacks;

namespace {

struct stopped : std::runtime_error {
  stopped() : std::runtime_error{"stopped"} {}
};

}  // namespace

TEST_CASE("state_file: an evaluation that was stopped goes on from its state and ends with the same report") {
  const hundred_samples t;
  const robustness whole = robust_accuracy(two_attacks(), t.net, t.x, t.y);
  for (const int stop_after : {1, 3, 6}) {
    CAPTURE(stop_after);
    const temporary_folder folder;
    const std::string path = folder / "resume";
    int told = 0;
    const auto stop = [&](std::int64_t) {
      if (++told == stop_after) {
        throw stopped{};
      }
    };
    CHECK_THROWS_AS(
        (void)robust_accuracy(two_attacks(), t.net, t.x, t.y,
                              {.batch = 16, .progress = stop, .state = state_file(path), .identity = "test"}),
        stopped);
    std::int64_t attacked = 0;
    const auto counting = [&](const at::Tensor& points) {
      attacked += points.size(0);
      return t.net(points);
    };
    const robustness resumed = robust_accuracy(two_attacks(), counting, t.x, t.y,
                                               {.batch = 16, .state = state_file(path), .identity = "test"});
    check_same(resumed, whole);
    // All is known now: a third run asks the model nothing.
    attacked = 0;
    check_same(robust_accuracy(two_attacks(), counting, t.x, t.y,
                               {.batch = 16, .state = state_file(path), .identity = "test"}),
               whole);
    CHECK(attacked == 0);
  }
}

TEST_CASE("state_file: one of another run, of other samples, or a damaged one is refused") {
  const hundred_samples t;
  const temporary_folder folder;
  const std::string path = folder / "refused";
  const auto run = [&](const at::Tensor& x, const at::Tensor& y, const std::string& identity) {
    return robust_accuracy(two_attacks(), t.net, x, y, {.batch = 16, .state = state_file(path), .identity = identity});
  };
  (void)run(t.x, t.y, "test");
  CHECK_THROWS_WITH_AS((void)run(t.x, t.y, "other"), doctest::Contains("belongs to another run"), std::runtime_error);
  CHECK_THROWS_WITH_AS((void)run(t.x.mul(0.5), t.y, "test"), doctest::Contains("belongs to another run"),
                       std::runtime_error);
  CHECK_THROWS_WITH_AS((void)run(t.x, t.y.add(1).remainder(4), "test"), doctest::Contains("belongs to another run"),
                       std::runtime_error);
  CHECK_THROWS_WITH_AS((void)run(t.x.narrow(0, 0, 50), t.y.narrow(0, 0, 50), "test"),
                       doctest::Contains("belongs to another run"), std::runtime_error);
  std::string bytes;
  {
    std::ifstream in{path, std::ios::binary};
    bytes.assign(std::istreambuf_iterator<char>{in}, {});
  }
  std::ofstream{path, std::ios::binary} << bytes.substr(0, bytes.size() / 2);
  CHECK_THROWS_WITH_AS((void)run(t.x, t.y, "test"), doctest::Contains(path.c_str()), std::runtime_error);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] + 1);
  std::ofstream{path, std::ios::binary} << bytes;
  CHECK_THROWS_WITH_AS((void)run(t.x, t.y, "test"), doctest::Contains(path.c_str()), std::runtime_error);
}
