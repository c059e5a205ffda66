#include "interrupt.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

using namespace redoubt::program;

namespace {

/// How a child process that does `work` ends: its exit code, or minus the signal that killed it.
template <class Work>
int end_of_child(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGINT, SIG_DFL);  // the test runner has handlers of its own
    std::signal(SIGTERM, SIG_DFL);
    work();
    std::_Exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("under a watch a signal is noted, and the work ends with 128 and its number") {
  for (const int signal : {SIGINT, SIGTERM}) {
    const interrupt_watch watch;
    CHECK_FALSE(interrupted());
    std::raise(signal);
    CHECK(interrupted());
    try {
      stop_interrupted("checkpoint kept in run/");
    } catch (const interruption& end) {
      CHECK(end.exit_code() == 128 + signal);
      CHECK(end.what() == std::string("interrupted; checkpoint kept in run/"));
    }
  }
  CHECK_FALSE(interrupted());
}

TEST_CASE("without a watch a signal kills as ever") {
  CHECK(end_of_child([] { std::raise(SIGINT); }) == -SIGINT);
  CHECK(end_of_child([] {
          { const interrupt_watch watch; }
          std::raise(SIGTERM);
        }) == -SIGTERM);
}

TEST_CASE("a signal that nobody answered kills when the last watch goes") {
  CHECK(end_of_child([] {
          const interrupt_watch outer;
          {
            const interrupt_watch inner;
            std::raise(SIGINT);
          }
          if (!interrupted()) {
            std::_Exit(9);  // the inner watch forgot it
          }
        }) == -SIGINT);
}

TEST_CASE("an answered signal does not kill") {
  CHECK(end_of_child([] {
          try {
            const interrupt_watch watch;
            std::raise(SIGINT);
            stop_interrupted("");
          } catch (const interruption&) {
            std::_Exit(7);
          }
        }) == 7);
}

TEST_CASE("a signal that a wrapper sends twice is one request; one half a second later kills at once") {
  CHECK(end_of_child([] {
          const interrupt_watch watch;
          std::raise(SIGINT);
          std::raise(SIGINT);
          std::raise(SIGTERM);
          std::_Exit(interrupted() ? 5 : 6);
        }) == 5);
  CHECK(end_of_child([] {
          const interrupt_watch watch;
          std::raise(SIGINT);
          std::this_thread::sleep_for(std::chrono::milliseconds(600));
          std::raise(SIGINT);
          std::_Exit(6);
        }) == -SIGINT);
}

TEST_CASE("every thread sees the signal") {
  const interrupt_watch watch;
  bool seen = false;
  std::raise(SIGINT);
  std::thread([&] { seen = interrupted(); }).join();
  CHECK(seen);
  CHECK_THROWS_AS(stop_interrupted(""), interruption);
}
