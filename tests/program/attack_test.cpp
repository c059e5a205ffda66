#include "command.hpp"

#include "fashion_net.hpp"
#include "small_inputs.hpp"

#include "../models.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

using namespace redoubt::program;
using nlohmann::json;

namespace {

/// A folder with an untrained network, 48 noisy images, and the network's own predictions as labels.
class network_folder {
 public:
  network_folder() {
    redoubt::script_model net = make_fashion_net(2);
    const at::Tensor images = redoubt::testing::uniform({48, 1, 28, 28}, 11);
    net.save(at("net.pt"));
    write_tensor(at("images.pt"), images);
    write_tensor(at("labels.pt"), net(images).argmax(1));
  }

  [[nodiscard]] std::string at(const std::string& name) const { return (folder_ / name).string(); }

  [[nodiscard]] command_line line(const std::string& subcommand, const command_line& more = {},
                                  const std::string& images = "images.pt") const {
    return command_line{subcommand, "--model", at("net.pt"), "--images", at(images), "--labels", at("labels.pt")} +
           more;
  }

 private:
  temporary_folder folder_;
};

}  // namespace

TEST_CASE("attack writes the closed-form adversarial examples, and reports them") {
  const pixel_folder folder;
  const std::ptrdiff_t before = folder.entries();
  const json report = report_of(
      folder.line("attack", {"--attack=fgsm", "--eps=8/255", "--seed=2", "--out", folder.at("adversarial.pt")}));
  CHECK(keys_of(report) == string_set{"schema", "version", "torch", "device", "seed", "n", "clean_accuracy",
                                      "adversarial_accuracy", "attack", "norm", "eps", "options", "out"});
  CHECK(report["n"] == 256);
  CHECK(report["seed"] == 2);
  CHECK(report["eps"] == 8.0 / 255);
  CHECK(report["out"] == folder.at("adversarial.pt"));
  CHECK(report["clean_accuracy"] == 255.0 / 256);
  CHECK(report["adversarial_accuracy"] == 239.0 / 256);
  CHECK(folder.entries() == before + 1);

  const pixel_pairs pairs;
  const at::Tensor x = pairs.images.unsqueeze(1).to(at::kFloat).div(255);
  const at::Tensor made = read_images(folder.at("adversarial.pt"));
  CHECK(made.sizes() == x.sizes());
  CHECK((made.scalar_type() == at::kFloat));
  // Down where the label is 1, up where it is 0; the second pixel has no gradient.
  const at::Tensor step = at::stack({pairs.labels.mul(-2).add(1), at::zeros_like(pairs.labels)}, 1).mul(8. / 255);
  CHECK(at::allclose(made, x.add(step.view(x.sizes())).clamp(0, 1), 0, 1e-6));
}

TEST_CASE("attack's file evaluates to the accuracy that evaluate reports for the same attack") {
  const network_folder folder;
  const std::string out = folder.at("adversarial.pt");
  for (const command_line& how :
       {command_line{"--attack=fgsm", "--eps=2/255"}, command_line{"--attack=fgsm", "--norm=l2", "--eps=0.2"},
        command_line{"--eps=1/255", "--steps=5", "--seed=3"},
        command_line{"--norm=l2", "--eps=0.15", "--steps=5", "--restarts=2"}}) {
    CAPTURE(how[0]);
    CAPTURE(how[1]);
    const json attacked = report_of(folder.line("attack", how + command_line{"--out", out}));
    const json evaluated = report_of(folder.line("evaluate", how));
    const json again = report_of(folder.line("evaluate", {"--attack=none"}, "adversarial.pt"));
    CHECK(evaluated["clean_accuracy"] == 1.0);
    CHECK(evaluated["robust_accuracy"].get<double>() > 0.02);
    CHECK(evaluated["robust_accuracy"].get<double>() < 0.98);
    CHECK(attacked["adversarial_accuracy"] == evaluated["robust_accuracy"]);
    CHECK(again["clean_accuracy"] == evaluated["robust_accuracy"]);
  }
}

TEST_CASE("the same seed writes the same file bitwise, another one another") {
  const network_folder folder;
  const auto written = [&](const std::string& seed) {
    const std::string out = folder.at("adversarial.pt");
    report_of(folder.line("attack", {"--eps=4/255", "--steps=3", "--seed", seed, "--out", out}));
    return read_whole(out);
  };
  const std::string first = written("7");
  at::manual_seed(99);
  CHECK(written("7") == first);
  CHECK(written("8") != first);
}

TEST_CASE("the batch changes no adversarial example's outcome, and the elementwise ones not at all") {
  const pixel_folder pixels;
  const auto written = [&](const std::string& batch) {
    const std::string out = pixels.at("adversarial.pt");
    report_of(pixels.line("attack", {"--eps=20/255", "--steps=4", "--batch", batch, "--out", out}));
    return read_whole(out);
  };
  CHECK(written("1") == written("256"));
  CHECK(written("100") == written("256"));

  const network_folder folder;
  const auto report = [&](const std::string& batch) {
    const command_line more{"--eps=1/255", "--steps=5", "--batch", batch, "--out", folder.at("adversarial.pt")};
    return timeless(report_of(folder.line("attack", more)));
  };
  const json expected = report("256");
  CHECK(report("1") == expected);
  CHECK(report("7") == expected);
  const auto evaluated = [&](const std::string& batch) {
    return timeless(report_of(folder.line("evaluate", {"--eps=1/255", "--steps=5", "--batch", batch})));
  };
  CHECK(evaluated("7") == evaluated("256"));
}

TEST_CASE("adversarial examples stay inside ball and box") {
  const network_folder folder;
  const at::Tensor x = read_images(folder.at("images.pt"));
  const std::string out = folder.at("adversarial.pt");
  const auto moved = [&](const command_line& how) {
    report_of(folder.line("attack", how + command_line{"--steps=5", "--out", out}));
    const at::Tensor made = read_images(out);
    CHECK(made.min().item<float>() >= 0);
    CHECK(made.max().item<float>() <= 1);
    return made.sub(x).flatten(1);
  };
  CHECK(moved({"--eps=0.1"}).abs().max().item<double>() <= 0.1 + 1e-6);
  CHECK(moved({"--eps=0.5", "--norm=l2"}).norm(2, 1).max().item<double>() <= 0.5 + 1e-5);
  CHECK(moved({"--eps=0"}).abs().max().item<double>() == 0);
}

TEST_CASE("attack in prose tells what it wrote and what that did") {
  const pixel_folder folder;
  const std::string out = folder.at("adversarial.pt");
  const run_result run = run_program(folder.line("attack", {"--attack=fgsm", "--eps=8/255", "--out", out}));
  CHECK(run.exit_code == 0);
  CHECK(run.out == "wrote 256 adversarial examples to " + out + "; accuracy 99.6094 % -> 93.3594 %\n");
}

TEST_CASE("attack refuses what it cannot use, and leaves nothing behind") {
  const pixel_folder folder;
  const std::ptrdiff_t before = folder.entries();
  const auto out = [&](const std::string& name) { return command_line{"--out", folder.at(name)}; };
  CHECK(contains(error_of(folder.line("attack"), 2), "--out is required"));
  CHECK(contains(error_of(folder.line("attack", out("none/x.pt")), 1), "there is no folder " + folder.at("none")));
  CHECK(contains(error_of(folder.line("attack", out("images/x.pt")), 1), "cannot write " + folder.at("images/x.pt")));
  CHECK(contains(error_of(folder.line("attack", out("x.pt") + command_line{"--eps=-1"}), 2), "too small"));
  CHECK(contains(error_of(folder.line("attack", out("x.pt"), "labels"), 1), "cannot read the model"));
  CHECK(contains(error_of(folder.line("attack", out("x.pt"), "pixel0.pt", "labels"), 1), "images must be"));
  scripted("def forward(self, x: Tensor) -> Tensor:\n    return torch.flatten(x, 1)[:, 0]\n")
      .save(folder.at("flat.pt"));
  CHECK(contains(error_of(folder.line("attack", out("x.pt"), "flat.pt"), 2), "got [256]"));
  write_whole(folder.at("many"), idx_bytes(pixel_pairs().labels.mul(7)));
  CHECK(contains(error_of(folder.line("attack", out("x.pt"), "pixel0.pt", "images", "many"), 2),
                 "labels must lie in [0, 2), as the model has 2 classes; got 7"));
  CHECK(folder.entries() == before + 2);
}

TEST_CASE("an attack that is interrupted writes nothing, and leaves the old file") {
  const pixel_folder folder;
  write_whole(folder.at("adversarial.pt"), "old");
  const std::ptrdiff_t before = folder.entries();
  const run_result stopped = run_interrupted(folder.line("attack", {"--out", folder.at("adversarial.pt")}));
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.err == "redoubt attack: interrupted; nothing was written\n");
  CHECK(read_whole(folder.at("adversarial.pt")) == "old");
  CHECK(folder.entries() == before);
}

TEST_CASE("labels that are targets are reached, and the report says how many") {
  const pixel_folder folder;
  const pixel_pairs pairs;
  write_whole(folder.at("targets"), idx_bytes(pairs.images.flatten(1).select(1, 0).lt(128)));  // always the other one
  const command_line how{"--targeted", "--attack=fgsm", "--eps=8/255", "--out", folder.at("adversarial.pt")};
  const json report = report_of(folder.line("attack", how, "pixel0.pt", "images", "targets"));
  CHECK(keys_of(report) == string_set{"schema", "version", "torch", "device", "seed", "n", "targeted", "reached_before",
                                      "reached", "attack", "norm", "eps", "options", "out"});
  CHECK(report["reached_before"] == 0.0);
  CHECK(report["reached"] == 16.0 / 256);
  const run_result prose = run_program(folder.line("attack", how, "pixel0.pt", "images", "targets"));
  CHECK(contains(prose.out, "; taken for their targets: 0 % -> 6.25 %\n"));
  const command_line untargeted{"--targeted", "--attack=apgd-t", "--eps=8/255", "--out", folder.at("adversarial.pt")};
  CHECK(contains(error_of(folder.line("attack", untargeted), 2), "--targeted does not go with --attack apgd-t"));
}

TEST_CASE("shards become shards, each as a whole tensor's part would be, or one file") {
  const pixel_folder folder;
  const at::Tensor images = pixel_pairs().images.unsqueeze(1);
  std::filesystem::create_directory(folder.at("shards"));
  write_tensor(folder.at("shards/a.pt"), images.narrow(0, 0, 100));
  write_tensor(folder.at("shards/b.pt"), images.narrow(0, 100, 156));
  const command_line how{"--eps=20/255", "--steps=4", "--batch=30"};
  const auto made = [&](const std::string& from, const std::string& to) {
    json report = report_of(folder.line("attack", how + command_line{"--out", folder.at(to)}, "pixel0.pt", from));
    report.erase("out");
    return report;
  };
  const json expected = made("images", "whole.pt");
  CHECK(made("shards", "parts") == expected);
  CHECK(made("shards", "joined.pt") == expected);
  const at::Tensor whole = read_images(folder.at("whole.pt"));
  CHECK(at::equal(read_images(folder.at("parts")), whole));
  CHECK(at::equal(read_images(folder.at("parts/b.pt")), whole.narrow(0, 100, 156)));
  CHECK(at::equal(read_images(folder.at("joined.pt")), whole));

  const std::ptrdiff_t before = folder.entries();
  const command_line again = how + command_line{"--out", folder.at("parts")};
  CHECK(contains(error_of(folder.line("attack", again, "pixel0.pt", "shards"), 1), "parts: it is there already"));
  const command_line elsewhere = how + command_line{"--out", folder.at("others")};
  CHECK(run_interrupted(folder.line("attack", elsewhere, "pixel0.pt", "shards")).exit_code == 130);
  CHECK(folder.entries() == before);
}

TEST_CASE("the worst case over several attacks is what is written") {
  const pixel_folder folder;
  const json report = report_of(folder.line(
      "attack", {"--attack=fgsm,apgd-ce", "--eps=8/255", "--steps=3", "--out", folder.at("adversarial.pt")}));
  CHECK(report["attack"] == "fgsm,apgd-ce");
  CHECK(report["adversarial_accuracy"] == 239.0 / 256);
}
