#include "attack_flags.hpp"

#include "attack_list.hpp"
#include "interrupt.hpp"
#include "small_inputs.hpp"

#include <doctest/doctest.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <string>

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

TEST_CASE("several attacks are told each by its name, in the order that they are given in") {
  const attack_settings settings = parsed({"--attack=fgsm,apgd-ce,pgd", "--steps=7", "--eps=0.1"});
  CHECK(settings.names() == std::vector<std::string>{"fgsm", "apgd-ce", "pgd"});
  const json told = settings.to_json();
  CHECK(told["attack"] == "fgsm,apgd-ce,pgd");
  CHECK(told["options"]["fgsm"] == json::object());
  CHECK(told["options"]["apgd-ce"]["steps"] == 7);
  CHECK(told["options"]["pgd"]["steps"] == 7);
  CHECK(told["options"]["box"] == json{0.0, 1.0});
}

TEST_CASE("an attack takes its own number of steps, a fifth of them when it must be fast, or what is given") {
  const auto steps = [](std::vector<const char*> words, const char* attack) {
    words.push_back(attack);
    return parsed(words).to_json()["options"]["steps"].get<int>();
  };
  CHECK(steps({}, "--attack=pgd") == 40);
  CHECK(steps({}, "--attack=apgd-ce") == 100);
  CHECK(steps({"--fast"}, "--attack=pgd") == 8);
  CHECK(steps({"--fast"}, "--attack=apgd-ce") == 20);
  CHECK(steps({"--fast", "--steps=33"}, "--attack=apgd-ce") == 33);
  CHECK(attack_settings{.fast = true}.resolved_queries(5000) == 1000);
  CHECK(attack_settings{.queries = 7, .fast = true}.resolved_queries(5000) == 7);
}

TEST_CASE("every attack runs under every norm that it goes with, and others are refused in a line that names both") {
  const pixel_pairs pairs;
  redoubt::script_model model = pixel_model(0);
  const samples data = samples{pairs.images.unsqueeze(1), pairs.labels}.scaled();
  for (const attack_kind& kind : attack_kinds()) {
    CAPTURE(kind.name);
    CHECK_FALSE(kind.words.empty());
    for (const std::string norm : {"linf", "l2", "l1", "l0"}) {
      CAPTURE(norm);
      attack_settings settings{.attack = kind.name, .norm = norm, .eps = 8. / 255, .steps = 40};
      settings.queries = 200;
      if (norm == "l0") {
        settings.eps = 1;
      }
      const bool goes = kind.norms.empty() || std::count(kind.norms.begin(), kind.norms.end(), norm) > 0;
      if (goes) {
        const double reached = measure("test", settings, model, data, 64).robust_accuracy;
        // One pixel decides, so that all but l0 allow it the same: 120..135 are turned, or all of them.
        if (kind.name != "none" && norm == "l0") {
          CHECK(reached < 0.2);
        } else {
          CHECK(reached == (kind.name == "none" ? 255. / 256 : 239. / 256));
        }
      } else {
        const std::string message = message_of<std::invalid_argument>([&] { static_cast<void>(attack_of(settings)); });
        CHECK(contains(message, "--attack " + kind.name + " does not go with --norm " + norm));
        CHECK(contains(message, kind.name + " goes with " + kind.norms.front()));
      }
    }
  }
}

TEST_CASE("lists of attacks and targets that make no sense are refused") {
  const auto refused = [](const attack_settings& settings) {
    return message_of<std::invalid_argument>([&] { static_cast<void>(attack_of(settings)); });
  };
  CHECK(contains(refused({.attack = "pgd,none"}), "none goes alone"));
  CHECK(contains(refused({.attack = "pgd,fgsm,pgd"}), "pgd stands in the list twice"));
  attack_settings targeted{.attack = "apgd-t"};
  targeted.targeted = true;
  CHECK(contains(refused(targeted), "--targeted does not go with --attack apgd-t; it goes with fgsm, pgd"));
  targeted.attack = "fgsm,pgd";
  CHECK(contains(refused(targeted), "--targeted goes with one attack"));
  CHECK(contains(refused({.attack = "pgd", .norm = "l0", .eps = 0.1}), "--eps 0.1: --norm l0 counts the elements"));
  CHECK(contains(refusal({"--attack=pgd,pdg"}), "there is no attack \"pdg\"; did you mean pgd?"));
  CHECK(contains(refusal({"--attack="}), "--attack"));
  CHECK(contains(refusal({"--attack=pgd,,fgsm"}), "there is no attack \"\""));
}

TEST_CASE("the help names every attack with what it goes with") {
  CLI::App flags{"test"};
  attack_settings settings;
  add_attack_flags(flags, settings);
  const std::string help = flags.help();
  for (const attack_kind& kind : attack_kinds()) {
    CHECK(contains(help, "  " + kind.name + " "));
    CHECK(contains(help, kind.words));
  }
  CHECK(contains(help, "a fifth of the steps"));
}

TEST_CASE("training is offered the attacks that trainers know, with its own number of steps") {
  CLI::App flags{"test"};
  attack_settings settings{.steps = 2};
  add_training_attack_flags(flags, settings);
  CHECK(contains(flags.help(), "[2]"));
  CHECK(settings.to_json()["options"]["steps"] == 2);
  const std::vector<const char*> words{"test", "--attack=apgd-ce"};
  CHECK_THROWS_AS(flags.parse(2, words.data()), CLI::ValidationError);
}

TEST_CASE("a normalised model sees its own scale, and radii keep that of the images") {
  const pixel_pairs pairs;
  const samples data = samples{pairs.images.unsqueeze(1), pairs.labels}.scaled();
  // The pixel model's own input, moved and stretched; its normalisation undoes it.
  const auto stretched = [](double mean, double deviation) {
    return scripted("def forward(self, x: Tensor) -> Tensor:\n    p = torch.flatten(x, 1)[:, 0] * " +
                    std::to_string(deviation) + " + " + std::to_string(mean) +
                    "\n    v = (p * 255 - 127.5) / 16\n    return torch.stack([torch.zeros_like(v), v], 1)\n");
  };
  const subject plain{pixel_model(0)};
  const subject normalised{stretched(0.5, 0.25), {0.5}, {0.25}};
  const attack_settings fgsm{.attack = "fgsm", .eps = 8. / 255};
  CHECK(measure("test", fgsm, normalised, data, 64).robust_accuracy == 239. / 256);
  CHECK(at::allclose(normalised(data.images), plain(data.images), 1e-4, 1e-4));
  const auto refused = [&](const std::vector<double>& mean, const std::vector<double>& deviation) {
    return message_of<std::invalid_argument>([&] {
      static_cast<void>(subject{pixel_model(0), mean, deviation}(data.images));
    });
  };
  CHECK(contains(refused({0.5}, {}), "as many numbers of one as of the other, got 1 and 0"));
  CHECK(contains(refused({0.5}, {0}), "must be finite and positive, got 0"));
  CHECK(contains(refused({0.5, 0.5}, {1, 1}), "2 channels, but the input is [256, 1, 1, 2]"));
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
  report.per_class = {{3, 2, 1}, {0, 0, 0}, {1, 1, 1}};
  report.per_attack = {{"fgsm", 3, 1, 0.5, 0.25}};
  const json classes = {{{"class", 0}, {"n", 3}, {"clean_accuracy", 2. / 3}, {"robust_accuracy", 1. / 3}},
                        {{"class", 1}, {"n", 0}, {"clean_accuracy", nullptr}, {"robust_accuracy", nullptr}},
                        {{"class", 2}, {"n", 1}, {"clean_accuracy", 1.0}, {"robust_accuracy", 1.0}}};
  const json attacks =
      json::array({{{"attack", "fgsm"}, {"attacked", 3}, {"fooled", 1}, {"robust_accuracy", 0.5}, {"seconds", 0.25}}});
  CHECK(to_json(report) == json{{"per_class", classes},
                                {"per_attack", attacks},
                                {"n", 4},
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
