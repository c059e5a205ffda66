#pragma once

#include <chrono>
#include <cstdint>

namespace redoubt::program {

/// What the kernel counts of a thread: nanoseconds on a processor, and ready to run without one.
struct processor_turns {
  std::int64_t worked = 0;
  std::int64_t waited = 0;
};

/// Of the calling thread until now; 0 where the kernel does not say.
[[nodiscard]] processor_turns turns_until_now();

/// How long a thread that works in the background should rest: `times` as long as it has waited from `before` to `now`
/// where others want its processor, else not at all; 5 s at most.
///
/// The lowest priority is not enough: to be ready to run all the time costs the others, however seldom it gets to.
[[nodiscard]] std::chrono::nanoseconds rest_after(const processor_turns& before, const processor_turns& now, int times);

/// Gives the calling thread the lowest priority.
void work_only_when_idle();

}  // namespace redoubt::program
