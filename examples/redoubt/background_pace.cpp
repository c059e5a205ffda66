#include "background_pace.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace redoubt::program {
namespace {

constexpr std::chrono::seconds longest_rest{5};
constexpr std::int64_t crowd = 4;  // waits so many times as long as it works: one that is alone, or among few, does not

}  // namespace

processor_turns turns_until_now() {
  processor_turns now;
  std::ifstream{"/proc/thread-self/schedstat"} >> now.worked >> now.waited;
  return now;
}

std::chrono::nanoseconds rest_after(const processor_turns& before, const processor_turns& now, int times) {
  const std::chrono::nanoseconds waited{now.waited - before.waited};
  const std::chrono::nanoseconds worked{now.worked - before.worked};
  return waited > crowd * worked ? std::min<std::chrono::nanoseconds>(times * waited, longest_rest)
                                 : std::chrono::nanoseconds{0};
}

void work_only_when_idle() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 19);
}

}  // namespace redoubt::program
