#include "interrupt.hpp"

#include <atomic>
#include <csignal>
#include <ctime>
#include <mutex>

namespace redoubt::program {
namespace {

// A signal handler reaches nothing but statics, and of those only lock-free atomics.
std::atomic<int> pending_signal{0};
std::atomic<long long> pending_since{0};
std::atomic<bool> answered{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<long long>::is_always_lock_free);

std::mutex watches_mutex;
int watches = 0;
struct sigaction old_interrupt;
struct sigaction old_terminate;

long long milliseconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<long long>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

extern "C" void redoubt_note_signal(int signal) {
  constexpr long long same_request = 500;  // ms
  int none = 0;
  if (pending_signal.compare_exchange_strong(none, signal)) {
    pending_since.store(milliseconds_now());
  } else if (milliseconds_now() - pending_since.load() > same_request) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);  // blocked while the handler runs, so it strikes on return
  }
}

}  // namespace

interrupt_watch::interrupt_watch() {
  const std::lock_guard lock(watches_mutex);
  if (watches++ > 0) {
    return;
  }
  pending_signal = 0;
  answered = false;
  struct sigaction action = {};
  action.sa_handler = redoubt_note_signal;
  action.sa_flags = SA_RESTART;  // a read or write that a signal cuts short must not look like an end of file
  sigemptyset(&action.sa_mask);
  // Also where a script started the program in the background with SIGINT ignored: who sends it then means it.
  sigaction(SIGINT, &action, &old_interrupt);
  sigaction(SIGTERM, &action, &old_terminate);
}

interrupt_watch::~interrupt_watch() {
  const std::lock_guard lock(watches_mutex);
  if (--watches > 0) {
    return;
  }
  sigaction(SIGINT, &old_interrupt, nullptr);
  sigaction(SIGTERM, &old_terminate, nullptr);
  if (const int signal = pending_signal.exchange(0); signal != 0 && !answered) {
    std::raise(signal);
  }
}

bool interrupted() noexcept {
  return pending_signal.load(std::memory_order_relaxed) != 0;
}

void answer_interrupt() noexcept {
  answered = true;
}

void stop_interrupted(const std::string& kept) {
  answered = true;
  throw interruption(pending_signal.load(), "interrupted; " + kept);
}

}  // namespace redoubt::program
