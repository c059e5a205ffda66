#include "shell.hpp"

#include "interrupt.hpp"

#include <c10/util/Exception.h>
#include <doctest/doctest.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace redoubt::program;
using nlohmann::json;

namespace {

struct result {
  int exit_code;
  std::string out;
  std::string err;
};

/// A shell with one subcommand, "work", that needs --model and then does `body`; and another, "rest".
result run(const std::function<outcome()>& body, const std::vector<const char*>& words) {
  const auto make_work = [&](CLI::App& root) {
    CLI::App* flags = root.add_subcommand("work", "does it");
    const auto model = std::make_shared<std::string>();
    flags->add_option("--model", *model)->required();
    return command{flags, [model, body] { return body(); }};
  };
  const auto make_rest = [](CLI::App& root) {
    return command{root.add_subcommand("rest", "does nothing"), [] { return outcome{}; }};
  };
  std::vector<const char*> line{"redoubt"};
  line.insert(line.end(), words.begin(), words.end());
  std::ostringstream out;
  std::ostringstream err;
  const int code = run_shell({make_work, make_rest}, static_cast<int>(line.size()), line.data(), out, err);
  return {code, out.str(), err.str()};
}

result run(const std::vector<const char*>& words) {
  return run([] { return outcome{{{"n", 3}}, "three", 0}; }, words);
}

template <class Throw>
result failing(const Throw& raise, bool as_json = false) {
  std::vector<const char*> words{"work", "--model", "m"};
  if (as_json) {
    words.push_back("--json");
  }
  return run(
      [&]() -> outcome {
        raise();
        return {};
      },
      words);
}

}  // namespace

TEST_CASE("a terminal gets prose, --json one object with what every object carries") {
  const result prose = run({"work", "--model", "m"});
  CHECK(prose.exit_code == 0);
  CHECK(prose.out == "three\n");
  CHECK(prose.err.empty());
  const result object = run({"work", "--model", "m", "--json"});
  CHECK(object.exit_code == 0);
  const json report = json::parse(object.out);
  CHECK(report["n"] == 3);
  CHECK(report["schema"] == 1);
  CHECK(report["version"].is_string());
  CHECK(report["torch"].is_string());
  CHECK(report["device"] == "cpu");
  CHECK(report["seed"].is_null());
}

TEST_CASE("a subcommand's own device and seed stay") {
  const result object = run(
      [] {
        return outcome{{{"device", "cuda:1"}, {"seed", 7}}, {}, 0};
      },
      {"work", "--model", "m", "--json"});
  CHECK(json::parse(object.out)["device"] == "cuda:1");
  CHECK(json::parse(object.out)["seed"] == 7);
}

TEST_CASE("a gate that refuses reports as usual and exits with 3") {
  const result refused = run([] { return outcome{{{"verdict", "refuse"}}, "refused\n", 3}; }, {"work", "--model=m"});
  CHECK(refused.exit_code == 3);
  CHECK(refused.out == "refused\n");
}

TEST_CASE("work that fails exits with 1, bad arguments with 2, each with one line that names the subcommand") {
  const result failed = failing([] { throw std::runtime_error("cannot read x\nand more"); });
  CHECK(failed.exit_code == 1);
  CHECK(failed.err == "redoubt work: cannot read x\n");
  CHECK(failed.out.empty());
  const result misused = failing([] { throw std::invalid_argument("eps is -1"); });
  CHECK(misused.exit_code == 2);
  CHECK(misused.err == "redoubt work: eps is -1\n");
  const result memory = failing([] { throw std::bad_alloc(); });
  CHECK(memory.exit_code == 1);
  CHECK(memory.err == "redoubt work: out of memory\n");
}

TEST_CASE("LibTorch's errors come without their backtraces") {
  const result failed = failing([] { TORCH_CHECK(false, "sizes differ: ", 3, " and ", 4); });
  CHECK(failed.exit_code == 1);
  CHECK(failed.err == "redoubt work: sizes differ: 3 and 4\n");
  const char* script =
      "The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript (most "
      "recent call last):\n  File \"x\", line 1\nRuntimeError: shapes cannot be multiplied\n";
  CHECK(failing([&] { throw std::runtime_error(script); }).err ==
        "redoubt work: RuntimeError: shapes cannot be multiplied\n");
}

TEST_CASE("with --json an error is an object too") {
  const result failed = failing([] { throw std::runtime_error("no \xff"); }, true);
  CHECK(failed.exit_code == 1);
  CHECK(failed.err.empty());
  const json report = json::parse(failed.out);
  CHECK(report["error"]["code"] == "failed");
  CHECK(report["error"]["message"].get<std::string>().starts_with("no "));
  CHECK(report["schema"] == 1);
  const result misused = run({"work", "--json"});
  CHECK(misused.exit_code == 2);
  CHECK(json::parse(misused.out)["error"]["code"] == "usage");
}

TEST_CASE("an interruption exits with its own code") {
  const auto interrupted = [] { throw interruption(SIGTERM, "interrupted; checkpoint kept in run/"); };
  const result prose = failing(interrupted);
  CHECK(prose.exit_code == 143);
  CHECK(prose.err == "redoubt work: interrupted; checkpoint kept in run/\n");
  CHECK(json::parse(failing(interrupted, true).out)["error"]["code"] == "interrupted");
}

TEST_CASE("wrong usage says what would be right") {
  const auto message = [](const std::vector<const char*>& words) {
    const result misused = run(words);
    CHECK(misused.exit_code == 2);
    CHECK(misused.out.empty());
    return misused.err;
  };
  CHECK(message({}) == "redoubt: which subcommand? one of work, rest (redoubt --help)\n");
  CHECK(message({"wrok"}) == "redoubt: unknown subcommand wrok; did you mean work?\n");
  CHECK(message({"serve"}) == "redoubt: unknown subcommand serve; there are work, rest\n");
  CHECK(message({"--modle"}) == "redoubt: unknown flag --modle before a subcommand; the subcommands are work, rest\n");
  CHECK(message({"work"}) == "redoubt work: --model is required (redoubt work --help)\n");
  CHECK(message({"work", "--modle=x"}) ==
        "redoubt work: unknown flag --modle; did you mean --model? (redoubt work --help)\n");
  CHECK(message({"work", "--model", "m", "surplus"}) ==
        "redoubt work: unexpected argument surplus (redoubt work --help)\n");
  CHECK(message({"work", "--model"}).starts_with("redoubt work: --model"));
}

TEST_CASE("help and version are answers, not errors") {
  CHECK(run({"--version"}).exit_code == 0);
  CHECK(run({"--version"}).out.starts_with("redoubt "));
  const result help = run({"--help"});
  CHECK(help.exit_code == 0);
  CHECK(help.out.find("rest") != std::string::npos);
  CHECK(help.err.empty());
  const result of_work = run({"work", "--help"});
  CHECK(of_work.exit_code == 0);
  CHECK(of_work.out.find("--json") != std::string::npos);
}

TEST_CASE("an output that cannot be written is a failure") {
  const auto make = [](CLI::App& root) {
    return command{root.add_subcommand("rest", ""), [] { return outcome{{}, "prose", 0}; }};
  };
  std::ostringstream out;
  std::ostringstream err;
  out.setstate(std::ios::badbit);
  const char* const words[] = {"redoubt", "rest"};
  CHECK(run_shell({make}, 2, words, out, err) == 1);
  CHECK(err.str() == "redoubt rest: cannot write to standard output\n");
}

TEST_CASE("a command line can be told as it was given, quoted where a shell needs it") {
  CLI::App root{"", "redoubt"};
  CLI::App* flags = root.add_subcommand("work");
  std::string model;
  std::vector<double> box;
  bool fast = false;
  flags->add_option("--model", model);
  flags->add_option("--box", box)->expected(2);
  flags->add_flag("--fast", fast);
  flags->add_option("--unset", model);
  const char* const words[] = {"redoubt", "work", "--fast", "--box", "-1", "1", "--model", "it's a model.pt"};
  root.parse(8, words);
  CHECK(command_line_of(*flags) == "redoubt work --model 'it'\\''s a model.pt' --box -1 1 --fast");
}
