#include "attack_flags.hpp"

#include "interrupt.hpp"
#include "small_inputs.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <type_traits>

using namespace redoubt::program;
using nlohmann::json;

namespace {

/// The settings that a command line gives.
attack_settings parsed(std::vector<const char*> words) {
  CLI::App flags{"test"};
  attack_settings settings;
  add_attack_flags(flags, settings);
  words.insert(words.begin(), "test");
  flags.parse(static_cast<int>(words.size()), words.data());
  return settings;
}

std::string refusal(const std::vector<const char*>& words) {
  return message_of<CLI::ParseError>([&] { parsed(words); });
}

std::string refused_device(const std::string& device) {
  return message_of<std::invalid_argument>(
      [&] { static_cast<void>(input_settings{.device = device}.resolved_device()); });
}

}  // namespace

TEST_CASE("radius and step may be written as quotients") {
  const attack_settings settings = parsed({"--eps", "8/255", "--step=2/255", "--box", "-1", "3/2"});
  CHECK(settings.eps == 8.0 / 255);
  CHECK(settings.step == 2.0 / 255);
  CHECK(settings.box == std::vector<double>{-1, 1.5});
  CHECK(parsed({"--seed=18446744073709551615"}).seed == 18446744073709551615U);
}

TEST_CASE("flags out of range are refused with the value") {
  CHECK(contains(refusal({"--eps", "-0.1"}), "-0.1 is too small: it must be >= 0"));
  CHECK(contains(refusal({"--eps", "-8/255"}), "-8/255 is too small"));
  CHECK(contains(refusal({"--eps", "nan"}), "\"nan\" is not a finite number"));
  CHECK(contains(refusal({"--eps", "inf"}), "\"inf\" is not a finite number"));
  CHECK(contains(refusal({"--eps", "8/0"}), "\"8/0\" divides by zero"));
  CHECK(contains(refusal({"--eps", "large"}), "\"large\" is not a number"));
  CHECK(contains(refusal({"--step", "0"}), "0 is too small: it must be > 0"));
  CHECK(contains(refusal({"--steps", "0"}), "--steps"));
  CHECK(contains(refusal({"--restarts", "65536"}), "--restarts"));
  CHECK(contains(refusal({"--attack", "deepfool"}), "deepfool"));
  CHECK(contains(refusal({"--norm", "l7"}), "l7"));
  CHECK(contains(refusal({"--box", "0"}), "--box"));
  CHECK(contains(refusal({"--seed", "-1"}), "-1 is too small: it must be >= 0"));
}

TEST_CASE("a step that is not given is large enough to cross the ball") {
  CHECK(attack_settings{.eps = 0.1, .step = 0.03}.resolved_step() == 0.03);
  CHECK(attack_settings{.eps = 0.1, .steps = 40}.resolved_step() == doctest::Approx(0.01));
  CHECK(attack_settings{.eps = 0.1, .steps = 10}.resolved_step() == doctest::Approx(0.025));
  CHECK(attack_settings{.eps = 0, .steps = 10}.resolved_step() == 0);
}

TEST_CASE("options are reported as they will be used") {
  const attack_settings settings = parsed({"--eps=0.2", "--steps=10", "--restarts=3", "--seed=4", "--no-random-start"});
  CHECK(settings.to_json() == json{{"attack", "pgd"},
                                   {"norm", "linf"},
                                   {"eps", 0.2},
                                   {"seed", 4},
                                   {"options",
                                    {{"step", 0.05},
                                     {"steps", 10},
                                     {"restarts", 3},
                                     {"random_start", false},
                                     {"loss", "cross_entropy"},
                                     {"box", {0.0, 1.0}}}}});
  const json one_step = parsed({"--attack=fgsm", "--norm=l2", "--box", "-1", "1"}).to_json();
  CHECK(one_step["attack"] == "fgsm");
  CHECK(one_step["norm"] == "l2");
  CHECK(one_step["options"] == json{{"box", {-1.0, 1.0}}});
}

TEST_CASE("the settings' attack is made, over the settings' ball") {
  const auto name_of = [](const attack_settings& settings) -> std::string {
    return with_attack(settings, redoubt::iterate::best, [](const auto& attack) -> std::string {
      using attack_type = std::decay_t<decltype(attack)>;
      if constexpr (std::is_same_v<attack_type, redoubt::no_attack>) {
        return "none";
      } else {
        const bool one_step = requires {
          attack.as_pgd();
        };
        const bool l2 = std::is_same_v<decltype(attack.ball), redoubt::l2>;
        return std::string(one_step ? "fgsm" : "pgd") + (l2 ? " l2" : " linf");
      }
    });
  };
  CHECK(name_of({.attack = "none"}) == "none");
  CHECK(name_of({.attack = "fgsm"}) == "fgsm linf");
  CHECK(name_of({.attack = "fgsm", .norm = "l2"}) == "fgsm l2");
  CHECK(name_of({.attack = "pgd"}) == "pgd linf");
  CHECK(name_of({.attack = "pgd", .norm = "l2"}) == "pgd l2");
}

TEST_CASE("a device that is none, or is not there, is refused by name") {
  CHECK(input_settings{}.resolved_device() == at::Device(at::kCPU));
  for (const char* device : {"banana", "", "cuda:x", "meta"}) {
    CHECK(refused_device(device) == std::string("--device: cpu or cuda[:i], got ") + device);
  }
  if (!at::globalContext().hasCUDA()) {
    CHECK(contains(refused_device("cuda"), "--device cuda: no GPU can be used"));
    CHECK(contains(refused_device("cuda:1"), "--device cuda:1: no GPU can be used"));
  }
}

TEST_CASE("a robust accuracy is told with all that it takes to believe it") {
  redoubt::robustness report{.n = 4, .clean_accuracy = 0.75, .clean_interval = {0.2, 0.99}};
  report.robust_accuracy = 0.5;
  report.robust_interval = {0.07, 0.93};
  report.zero_gradient_samples = 1;
  report.n_nan = 2;
  report.warnings = {"beware"};
  report.seconds = 1.5;
  CHECK(to_json(report) == json{{"n", 4},
                                {"clean_accuracy", 0.75},
                                {"clean_accuracy_ci95", {0.2, 0.99}},
                                {"robust_accuracy", 0.5},
                                {"robust_accuracy_ci95", {0.07, 0.93}},
                                {"zero_gradient_samples", 1},
                                {"n_nan", 2},
                                {"warnings", {"beware"}},
                                {"seconds", 1.5}});
}

TEST_CASE("a measurement stops at the first look after Ctrl-C") {
  const pixel_pairs pairs;
  redoubt::script_model model = pixel_model(0);
  const samples data = samples{pairs.images.unsqueeze(1), pairs.labels}.scaled();
  const interrupt_watch watch;
  std::raise(SIGTERM);
  try {
    static_cast<void>(measure("test", {}, model, data, 16));
    FAIL("it went on");
  } catch (const interruption& stopped) {
    CHECK(stopped.exit_code() == 143);
    CHECK(std::string(stopped.what()) == "interrupted; nothing was written");
  }
}
