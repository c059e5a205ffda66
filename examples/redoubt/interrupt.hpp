#pragma once

#include <stdexcept>
#include <string>

namespace redoubt::program {

/// Work that Ctrl-C or SIGTERM ended early, in order: what was worth keeping is kept, and the message says where.
class interruption : public std::runtime_error {
 public:
  interruption(int signal, const std::string& message) : std::runtime_error(message), signal_(signal) {}

  /// 128 + the signal's number, as shells spell it: 130 for Ctrl-C, 143 for SIGTERM.
  [[nodiscard]] int exit_code() const noexcept { return 128 + signal_; }

 private:
  int signal_;
};

/// While one lives, Ctrl-C and SIGTERM are noted instead of ending the process; ask `interrupted()` now and then.
///
/// A second signal more than half a second later kills at once (wrappers such as timeout(1) send each signal twice:
/// those count as one). When the last one goes and a signal came that no `stop_interrupted` answered, the process ends
/// by that signal as it would have without. They nest, also over threads.
class interrupt_watch {
 public:
  interrupt_watch();
  ~interrupt_watch();
  interrupt_watch(const interrupt_watch&) = delete;
  interrupt_watch& operator=(const interrupt_watch&) = delete;
};

/// Whether Ctrl-C or SIGTERM has come under the present watch. One relaxed load: cheap enough for every batch.
[[nodiscard]] bool interrupted() noexcept;

/// Takes the signal that came as the wish to end in order, which the work then does: a server's.
void answer_interrupt() noexcept;

/// Throws the `interruption` for the signal that came: "interrupted; " and `kept`, e.g. "checkpoint kept in run/".
[[noreturn]] void stop_interrupted(const std::string& kept);

}  // namespace redoubt::program
