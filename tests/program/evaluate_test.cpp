#include "command.hpp"

#include "attack_list.hpp"
#include "curve.hpp"
#include "gzip_bytes.hpp"
#include "small_inputs.hpp"

#include <doctest/doctest.h>
#include <torch/csrc/api/include/torch/version.h>

#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <redoubt/core/version.hpp>
#include <redoubt/evaluate/interval.hpp>
#include <string>

namespace fs = std::filesystem;
using namespace redoubt::program;
using nlohmann::json;

namespace {

json interval_of(std::int64_t successes, std::int64_t trials) {
  const redoubt::interval exact = redoubt::clopper_pearson(successes, trials);
  return {exact.lower, exact.upper};
}

/// A folder as others, and a model made of this `forward`.
class broken_model : public pixel_folder {
 public:
  explicit broken_model(const std::string& body) {
    scripted("def forward(self, x: Tensor) -> Tensor:\n    " + body + "\n").save(at("broken.pt"));
  }
  [[nodiscard]] std::string error(int exit_code, const command_line& more = {}) const {
    const std::ptrdiff_t before = entries();
    std::string message = error_of(line("evaluate", more, "broken.pt"), exit_code);
    CHECK(entries() == before);
    return message;
  }
};

}  // namespace

TEST_CASE("evaluate reports the closed-form accuracy, with every field that is promised") {
  const pixel_folder folder;
  // 8/255 turns the 16 grey values 120..135; image 100 is wrong from the start.
  const json report = report_of(folder.line("evaluate", {"--attack", "fgsm", "--eps", "8/255", "--seed", "3"}));
  CHECK(keys_of(report) == string_set{"schema",
                                      "version",
                                      "torch",
                                      "device",
                                      "seed",
                                      "n",
                                      "clean_accuracy",
                                      "clean_accuracy_ci95",
                                      "robust_accuracy",
                                      "robust_accuracy_ci95",
                                      "attack",
                                      "norm",
                                      "eps",
                                      "options",
                                      "per_attack",
                                      "n_nan",
                                      "seconds",
                                      "zero_gradient_samples",
                                      "warnings",
                                      "per_class",
                                      "gradient_health"});
  CHECK(report["schema"] == 1);
  CHECK(report["version"] == redoubt::version);
  CHECK(report["torch"] == TORCH_VERSION);
  CHECK(report["device"] == "cpu");
  CHECK(report["seed"] == 3);
  CHECK(report["n"] == 256);
  CHECK(report["clean_accuracy"] == 255.0 / 256);
  CHECK(report["clean_accuracy_ci95"] == interval_of(255, 256));
  CHECK(report["robust_accuracy"] == 239.0 / 256);
  CHECK(report["robust_accuracy_ci95"] == interval_of(239, 256));
  CHECK(report["attack"] == "fgsm");
  CHECK(report["norm"] == "linf");
  CHECK(report["eps"] == 8.0 / 255);
  CHECK(report["options"] == json{{"box", {0.0, 1.0}}});
  CHECK(report["n_nan"] == 0);
  CHECK(report["zero_gradient_samples"] == 0);
  CHECK(report["warnings"] == json::array());
  CHECK(report["seconds"].get<double>() > 0);
  REQUIRE(report["per_attack"].size() == 1);
  CHECK(keys_of(report["per_attack"][0]) == string_set{"attack", "attacked", "fooled", "robust_accuracy", "seconds"});
  CHECK(report["per_attack"][0]["attack"] == "fgsm");
  CHECK(report["per_attack"][0]["attacked"] == 255);
  CHECK(report["per_attack"][0]["fooled"] == 16);
  CHECK(report["per_attack"][0]["robust_accuracy"] == 239.0 / 256);
  REQUIRE(report["per_class"].size() == 2);
  CHECK(report["per_class"][0] ==
        json{{"class", 0}, {"n", 127}, {"clean_accuracy", 1.0}, {"robust_accuracy", 119.0 / 127}});
  CHECK(report["per_class"][1] ==
        json{{"class", 1}, {"n", 129}, {"clean_accuracy", 128.0 / 129}, {"robust_accuracy", 120.0 / 129}});
}

TEST_CASE("of several attacks each is given what none before it fooled, and the worst case is reported") {
  const pixel_folder folder;
  // fgsm turns all that can be turned; in a smaller ball it leaves nothing that the others could do better.
  const json report = report_of(folder.line("evaluate", {"--attack=fgsm,pgd", "--eps=8/255", "--steps=4"}));
  CHECK(report["attack"] == "fgsm,pgd");
  CHECK(report["robust_accuracy"] == 239.0 / 256);
  REQUIRE(report["per_attack"].size() == 2);
  CHECK(report["per_attack"][0]["fooled"] == 16);
  CHECK(report["per_attack"][1]["attack"] == "pgd");
  CHECK(report["per_attack"][1]["attacked"] == 239);
  CHECK(report["per_attack"][1]["fooled"] == 0);
  CHECK(report["per_attack"][1]["robust_accuracy"] == 239.0 / 256);
  CHECK(report["options"]["pgd"]["steps"] == 4);
  const run_result prose = run_program(folder.line("evaluate", {"--attack=fgsm,pgd", "--eps=8/255", "--steps=4"}));
  CHECK(contains(prose.out, "attack  attacked  newly fooled  robust after"));
  CHECK(contains(prose.out, "fgsm         255            16       93.36 %"));
  CHECK(contains(prose.out, "pgd          239             0       93.36 %"));
}

TEST_CASE("evaluate says so where an attack had to do otherwise than its name says") {
  const pixel_folder folder;
  const json report = report_of(folder.line("evaluate", {"--attack=apgd-dlr", "--eps=8/255", "--steps=5"}));
  CHECK(report["robust_accuracy"] == 239.0 / 256);
  REQUIRE(report["warnings"].size() == 1);
  CHECK(contains(report["warnings"][0], "2 classes, for which the difference of logits ratio is not defined"));
}

TEST_CASE("evaluate's options are those that were used, the step it chose included") {
  const pixel_folder folder;
  const json report = report_of(folder.line("evaluate", {"--eps=8/255", "--steps=10", "--restarts=2", "--norm=l2"}));
  CHECK(report["attack"] == "pgd");
  CHECK(report["norm"] == "l2");
  CHECK(report["seed"] == 0);
  CHECK(report["options"]["step"].get<double>() == doctest::Approx(2.0 / 255));
  CHECK(report["options"]["steps"] == 10);
  CHECK(report["options"]["restarts"] == 2);
  CHECK(report["options"]["random_start"] == true);
  CHECK(report["options"]["loss"] == "cross_entropy");
  CHECK(report["options"]["box"] == json{0.0, 1.0});
  CHECK(report["robust_accuracy"] == 239.0 / 256);  // one pixel matters: both norms allow it the same
}

TEST_CASE("evaluate without attack reports the clean accuracy twice") {
  const pixel_folder folder;
  const json report = report_of(folder.line("evaluate", {"--attack", "none"}));
  CHECK(report["attack"] == "none");
  CHECK(report["clean_accuracy"] == 255.0 / 256);
  CHECK(report["robust_accuracy"] == 255.0 / 256);
}

TEST_CASE("evaluate in prose tells the accuracies and how they were attacked") {
  const pixel_folder folder;
  const run_result run = run_program(folder.line("evaluate", {"--attack", "fgsm", "--eps", "8/255"}));
  CHECK(run.exit_code == 0);
  CHECK(run.err.empty());
  CHECK_MESSAGE(contains(run.out, "clean accuracy  99.61 %"), run.out);
  CHECK_MESSAGE(contains(run.out, "robust accuracy 93.36 %"), run.out);
  CHECK_MESSAGE(contains(run.out, "under fgsm, linf <= 0.0313725\n"), run.out);
}

TEST_CASE("evaluate reports the same whatever the batch, the kind of file and the run") {
  const pixel_folder folder;
  const pixel_pairs pairs;
  write_whole(folder.at("images.gz"), gzipped(idx_bytes(pairs.images)));
  write_tensor(folder.at("bytes.pt"), pairs.images.unsqueeze(1));
  write_tensor(folder.at("floats.pt"), pairs.images.unsqueeze(1).to(at::kFloat).div(255));
  fs::create_directory(folder.at("shards"));
  write_tensor(folder.at("shards/0.pt"), pairs.images.narrow(0, 0, 100).unsqueeze(1));
  write_tensor(folder.at("shards/1.pt"), pairs.images.narrow(0, 100, 156).unsqueeze(1));
  fs::create_directory(folder.at("label-shards"));
  write_tensor(folder.at("label-shards/0.pt"), pairs.labels.narrow(0, 0, 30));
  write_tensor(folder.at("label-shards/1.pt"), pairs.labels.narrow(0, 30, 226));

  const command_line pgd{"--eps=20/255", "--steps=4", "--restarts=2", "--seed=5"};
  const json expected = timeless(report_of(folder.line("evaluate", pgd)));
  CHECK(expected["robust_accuracy"] == 215.0 / 256);  // 108..147 are turned, and 100 was wrong
  for (const char* batch : {"--batch=1", "--batch=7", "--batch=255", "--batch=100000"}) {
    CAPTURE(batch);
    CHECK(timeless(report_of(folder.line("evaluate", pgd + command_line{batch}))) == expected);
  }
  for (const char* images : {"images", "images.gz", "bytes.pt", "floats.pt", "shards"}) {
    CAPTURE(images);
    CHECK(timeless(report_of(folder.line("evaluate", pgd, "pixel0.pt", images, "label-shards"))) == expected);
  }
}

TEST_CASE("evaluate uses the first so many samples") {
  const pixel_folder folder;
  const json report = report_of(folder.line("evaluate", {"--attack=fgsm", "--eps=8/255", "--limit=125"}));
  CHECK(report["n"] == 125);
  CHECK(report["clean_accuracy"] == 124.0 / 125);
  CHECK(report["robust_accuracy"] == 119.0 / 125);
  CHECK(report_of(folder.line("evaluate", {"--attack=none", "--limit=1000"}))["n"] == 256);
}

TEST_CASE("evaluate writes each sample's outcome, and the report agrees with it") {
  const pixel_folder folder;
  report_of(folder.line("evaluate", {"--attack=fgsm", "--eps=8/255", "--out-samples", folder.at("outcomes.csv")}));
  std::string expected = "row,label,clean_correct,robust_correct\n";
  for (int value = 0; value < 256; ++value) {
    const bool clean = value != 100;
    const bool robust = clean && (value < 120 || value > 135);
    expected += std::to_string(value) + (value >= 128 || value == 100 ? ",1," : ",0,") + (clean ? "1," : "0,") +
                (robust ? "1\n" : "0\n");
  }
  CHECK(read_whole(folder.at("outcomes.csv")) == expected);
}

TEST_CASE("evaluate warns in words of gradients that are exactly zero") {
  const pixel_folder folder;
  pixel_model(0, 4).save(folder.at("steep.pt"));  // softmax saturates: most samples cannot be moved
  const json report = report_of(folder.line("evaluate", {"--eps=1", "--no-random-start"}, "steep.pt"));
  CHECK(report["zero_gradient_samples"].get<int>() > 100);
  REQUIRE(report["warnings"].size() >= 1);
  CHECK(contains(report["warnings"][0], "gradient of exactly zero"));
  const run_result prose = run_program(folder.line("evaluate", {"--eps=1", "--no-random-start"}, "steep.pt"));
  CHECK(contains(prose.out, "\nwarning: " + report["warnings"][0].get<std::string>() + "\n"));
}

TEST_CASE("evaluate counts a NaN among the logits as wrong, and says so") {
  const broken_model folder(
      "v = torch.flatten(x, 1)[:, 0] * 255 - 127.5\n"
      "    return torch.stack([torch.zeros_like(v), v + torch.sqrt(v + 117.6) * 0], 1)");  // NaN for 0..9
  const json report = report_of(folder.line("evaluate", {"--attack=none"}, "broken.pt"));
  CHECK(report["n_nan"] == 10);
  CHECK(report["clean_accuracy"] == 245.0 / 256);
  REQUIRE(report["warnings"].size() == 1);
  CHECK(contains(report["warnings"][0], "10 of 256 samples gave a NaN"));
}

TEST_CASE("evaluate leaves its inputs as they were") {
  const pixel_folder folder;
  const std::string model = read_whole(folder.at("pixel0.pt"));
  const std::string images = read_whole(folder.at("images"));
  const std::ptrdiff_t before = folder.entries();
  report_of(folder.line("evaluate"));
  CHECK(folder.entries() == before);
  CHECK(read_whole(folder.at("pixel0.pt")) == model);
  CHECK(read_whole(folder.at("images")) == images);
}

TEST_CASE("flags that are wrong are wrong usage") {
  const pixel_folder folder;
  const auto error = [&](const command_line& more) { return error_of(folder.line("evaluate", more), 2); };
  CHECK(contains(error({"--eps", "-0.1"}), "-0.1 is too small: it must be >= 0"));
  CHECK(contains(error({"--eps", "-8/255"}), "too small"));
  CHECK(contains(error({"--eps", "nan"}), "\"nan\" is not a finite number"));
  CHECK(contains(error({"--eps", "8/0"}), "divides by zero"));
  CHECK(contains(error({"--limit", "-1"}), "--limit"));
  CHECK(contains(error({"--limit", "x"}), "--limit"));
  CHECK(contains(error({"--batch", "0"}), "--batch"));
  CHECK(contains(error({"--batch", "-4"}), "--batch"));
  CHECK(contains(error({"--device", "gpu"}), "--device: cpu or cuda[:i], got gpu"));
  CHECK(contains(error({"--attack", "autoo"}), "there is no attack \"autoo\""));
  CHECK(contains(error({"--attack", "fgsm,pgd", "--norm", "l7"}), "l7"));
  CHECK(contains(error({"--attack", "none,pgd"}), "none goes alone"));
  CHECK(contains(error({"--queries", "0"}), "--queries"));
  CHECK(contains(error({"--threads", "0"}), "--threads"));
  CHECK(contains(error({"--curve", "0.1,x"}), "--curve: off, or sizes with commas between: \"x\" is not a number"));
  CHECK(contains(error({"--curve", "0.1,-1"}), "--curve: sizes must be >= 0, got -1"));
  CHECK(contains(error({"--eps", "0.1", "--norm", "l0"}), "give a whole number"));
  CHECK(contains(error({"--eps", "1", "--norm", "l0", "--attack", "auto"}),
                 "--attack auto does not go with --norm l0: auto goes with linf, l2 and l1; l0 goes with pgd and fmn"));
  CHECK(contains(error({"--curve", "0.1", "--attack=none"}), "--curve: --attack none has no size to vary"));
  CHECK(contains(error({"--mean", "0.5"}), "--mean and --std: as many numbers of one as of the other, got 1 and 0"));
  CHECK(contains(error({"--mean", "0.5", "--std", "0"}), "0 is too small: it must be > 0"));
  CHECK(contains(error({"--mean", "0.5,0.5", "--std", "1,1"}), "2 channels, but the input is [256, 1, 1, 2]"));
  CHECK(contains(error({"--box", "1", "0"}), "the box needs finite bounds, lower < upper; got [1, 0]"));
  CHECK(contains(error({"--epsilon", "1"}), "unknown flag --epsilon"));
  CHECK(contains(error_of({"evaluate"}, 2), "required"));
  if (!at::globalContext().hasCUDA()) {
    CHECK(contains(error({"--device", "cuda"}), "--device cuda: no GPU can be used"));
  }
}

TEST_CASE("files that are not there or no such files fail by name") {
  const pixel_folder folder;
  const pixel_pairs pairs;
  const auto error = [&](const std::string& model, const std::string& images, const std::string& labels) {
    return error_of(folder.line("evaluate", {}, model, images, labels), 1);
  };
  CHECK(contains(error("none.pt", "images", "labels"), folder.at("none.pt") + ": no such file"));
  CHECK(contains(error("pixel0.pt", "none", "labels"), folder.at("none") + ": no such file"));
  CHECK(contains(error("pixel0.pt", "images", "none"), folder.at("none") + ": no such file"));
  CHECK(contains(error("images", "images", "labels"), "cannot read the model " + folder.at("images")));
  CHECK(contains(error("pixel0.pt", "pixel0.pt", "labels"), folder.at("pixel0.pt")));
  CHECK(contains(error("pixel0.pt", "labels", "labels"), folder.at("labels") + ": images must be"));
  CHECK(contains(error("pixel0.pt", "images", "images"), folder.at("images") + ": labels must be"));
  write_whole(folder.at("few"), idx_bytes(pairs.labels.narrow(0, 0, 255)));
  CHECK(contains(error("pixel0.pt", "images", "few"), "256 images"));
}

TEST_CASE("truncated and corrupt files fail by name, wherever they end") {
  const pixel_folder folder;
  const pixel_pairs pairs;
  const std::string idx = read_whole(folder.at("images"));
  const std::string packed = gzipped(idx);
  std::string wrong_sum = packed;
  wrong_sum[packed.size() - 6] = static_cast<char>(~wrong_sum[packed.size() - 6]);
  write_tensor(folder.at("whole.pt"), pairs.images.unsqueeze(1));
  const std::string saved = read_whole(folder.at("whole.pt"));
  for (const std::string& bytes : {std::string(), idx.substr(0, 3), idx.substr(0, 9), idx.substr(0, idx.size() - 1),
                                   idx + "x", packed.substr(0, packed.size() / 2), wrong_sum,
                                   saved.substr(0, saved.size() / 2), saved.substr(0, saved.size() - 1)}) {
    write_whole(folder.at("damaged"), bytes);
    const std::string message = error_of(folder.line("evaluate", {}, "pixel0.pt", "damaged"), 1);
    CHECK_MESSAGE(contains(message, folder.at("damaged")), message);
  }
}

TEST_CASE("a truncated or corrupt TorchScript file fails by name") {
  const pixel_folder folder;
  const std::string whole = read_whole(folder.at("pixel0.pt"));
  for (const std::size_t length : {std::size_t{0}, std::size_t{3}, whole.size() / 2, whole.size() - 1}) {
    write_whole(folder.at("damaged.pt"), whole.substr(0, length));
    const std::string message = error_of(folder.line("evaluate", {}, "damaged.pt"), 1);
    CHECK_MESSAGE(contains(message, "cannot read the model " + folder.at("damaged.pt")), message);
  }
  // LibTorch does not look at a zip's checksums: a wrong byte may go unnoticed, but it must not end in worse.
  for (std::size_t place = 0; place < whole.size(); place += 61) {
    CAPTURE(place);
    std::string wrong = whole;
    wrong[place] = static_cast<char>(~wrong[place]);
    write_whole(folder.at("damaged.pt"), wrong);
    const run_result run = run_program(folder.line("evaluate", {"--attack=none"}, "damaged.pt"));
    CHECK(run.exit_code >= 0);
    CHECK(run.exit_code <= 2);
    CHECK((run.exit_code == 0) == run.err.empty());
    CHECK_MESSAGE((run.err.empty() || run.err.find('\n') + 1 == run.err.size()), run.err);
  }
}

TEST_CASE("a model whose output is not [N, C] is refused with the shape that it has") {
  CHECK(contains(broken_model("return x.mean()").error(2), "got []"));
  CHECK(contains(broken_model("return torch.flatten(x, 1)[:, 0]").error(2), "shape [256, classes], got [256]"));
  CHECK(contains(broken_model("return torch.flatten(x, 1)[:, :1]").error(2), "at least 2 classes, got shape [256, 1]"));
  CHECK(contains(broken_model("return x").error(2), "got [256, 1, 1, 2]"));
  CHECK(contains(broken_model("return torch.flatten(x, 1)[1:]").error(2), "got [255, 2]"));
  CHECK(contains(broken_model("v = torch.argmax(torch.flatten(x, 1), 1)\n    return torch.stack([v, v], 1)").error(2),
                 "of type long"));
}

TEST_CASE("a model that fails on the images says on which shape") {
  const std::string message = broken_model("return torch.conv2d(x, torch.zeros([2, 3, 1, 1]))").error(1);
  CHECK_MESSAGE(contains(message, "the model fails on an input of shape [256, 1, 1, 2]"), message);
}

TEST_CASE("a model without gradient is refused by attacks, and evaluated without") {
  const broken_model stepwise(
      "v = torch.ones([1]) * torch.gt(torch.flatten(x, 1)[:, 0], 0.5)\n"
      "    return torch.stack([1 - v, v], 1)");
  CHECK(contains(stepwise.error(2), "the model has no gradient with respect to its input"));
  CHECK(contains(stepwise.error(2, {"--attack=fgsm"}), "no gradient"));
  CHECK(report_of(stepwise.line("evaluate", {"--attack=none"}, "broken.pt"))["clean_accuracy"] == 255.0 / 256);
  const broken_model detached(
      "v = (torch.flatten(x, 1).detach()[:, 0] - 0.5) * torch.ones([1]).requires_grad_()\n"
      "    return torch.stack([torch.zeros_like(v), v], 1)");
  CHECK(contains(detached.error(2), "the loss does not depend on the input"));
}

TEST_CASE("images outside the box and labels out of range are refused with what they span") {
  const pixel_folder folder;
  const pixel_pairs pairs;
  const at::Tensor images = pairs.images.unsqueeze(1).to(at::kFloat).div(255);
  const auto error = [&](const at::Tensor& x) {
    write_tensor(folder.at("images.pt"), x);
    return error_of(folder.line("evaluate", {}, "pixel0.pt", "images.pt"), 2);
  };
  CHECK(contains(error(images.mul(255)), "the input must lie in the box [0, 1], but spans"));
  CHECK(contains(error(images.sub(0.5)), "the input must lie in the box [0, 1], but spans"));
  at::Tensor holed = images.clone();
  holed[3][0][0][1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(contains(error(holed), "the input holds a NaN"));
  // The same images in the box that they were made for.
  write_tensor(folder.at("images.pt"), images.mul(2).sub(1));
  scripted(
      "def forward(self, x: Tensor) -> Tensor:\n    v = torch.flatten(x, 1)[:, 0]\n"
      "    return torch.stack([torch.zeros_like(v), v], 1)\n")
      .save(folder.at("signed.pt"));
  const json report = report_of(
      folder.line("evaluate", {"--box", "-1", "1", "--eps", "16/255", "--attack=fgsm"}, "signed.pt", "images.pt"));
  CHECK(report["robust_accuracy"] == 239.0 / 256);
  CHECK(report["options"]["box"] == json{-1.0, 1.0});

  write_whole(folder.at("many"), idx_bytes(pairs.labels.mul(7)));
  for (const char* attack : {"--attack=none", "--attack=fgsm", "--attack=pgd"}) {
    CHECK(contains(error_of(folder.line("evaluate", {attack}, "pixel0.pt", "images", "many"), 2),
                   "labels must lie in [0, 2), as the model has 2 classes; got 7"));
  }
}

TEST_CASE("an output that cannot be written is refused before the work, and nothing is left") {
  const pixel_folder folder;
  const std::ptrdiff_t before = folder.entries();
  const auto error = [&](const std::string& name) {
    return error_of(folder.line("evaluate", {"--out-samples", folder.at(name)}), 1);
  };
  CHECK(contains(error("none/outcomes.csv"), "there is no folder " + folder.at("none")));
  CHECK(contains(error("images/outcomes.csv"), "cannot write " + folder.at("images/outcomes.csv")));
  CHECK(folder.entries() == before);
}

TEST_CASE("an evaluation that is interrupted exits with the signal's code and writes nothing") {
  const pixel_folder folder;
  const std::ptrdiff_t before = folder.entries();
  const command_line line = folder.line("evaluate", {"--out-samples", folder.at("outcomes.csv")});
  const run_result stopped = run_interrupted(line);
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.out.empty());
  CHECK(stopped.err == "redoubt evaluate: interrupted; nothing was written\n");
  const run_result terminated = run_interrupted(line + command_line{"--json"}, SIGTERM);
  CHECK(terminated.exit_code == 143);
  CHECK(terminated.report()["error"]["code"] == "interrupted");
  CHECK(folder.entries() == before);
}

namespace {

/// The pixel folder's images as a tensor, and in three shards of 100, 100 and 56.
class shard_folder : public pixel_folder {
 public:
  shard_folder() {
    const at::Tensor images = pixel_pairs().images.unsqueeze(1);
    write_tensor(at("whole.pt"), images);
    fs::create_directory(at("shards"));
    for (const int i : {0, 1, 2}) {
      write_tensor(shard(i), images.narrow(0, std::int64_t{i} * 100, i < 2 ? 100 : 56));
    }
  }
  [[nodiscard]] std::string shard(int i) const { return at("shards/" + std::to_string(i) + ".pt"); }
  [[nodiscard]] command_line sharded(const command_line& more, const std::string& subcommand = "evaluate") const {
    return line(subcommand, more, "pixel0.pt", "shards");
  }
  /// Changes a value of the last shard, whose shape stays as it was.
  void damage() const {
    std::string bytes = read_whole(shard(2));
    const std::size_t place = bytes.find(std::string{'\xf0', '\xf5', '\xf1'});  // images 240 and 241
    REQUIRE(place != std::string::npos);
    bytes[place] = '\x01';
    write_whole(shard(2), bytes);
  }
};

}  // namespace

TEST_CASE("shards are evaluated one by one, to the same numbers as one tensor") {
  const shard_folder folder;
  for (const command_line& how :
       {command_line{"--attack=fgsm", "--eps=8/255"}, command_line{"--eps=20/255", "--steps=3", "--restarts=2"},
        command_line{"--attack=apgd-ce,pgd", "--norm=l2", "--eps=8/255", "--steps=5"}, command_line{"--attack=none"}}) {
    CAPTURE(how[0]);
    const json whole = timeless(report_of(folder.line("evaluate", how, "pixel0.pt", "whole.pt")));
    for (const char* batch : {"--batch=256", "--batch=64", "--batch=7"}) {
      CAPTURE(batch);
      CHECK(timeless(report_of(folder.sharded(how + command_line{batch}))) == whole);
    }
  }
  const command_line table{"--attack=fgsm", "--eps=8/255", "--out-samples", folder.at("outcomes.csv")};
  report_of(folder.sharded(table));
  const std::string sharded = read_whole(folder.at("outcomes.csv"));
  report_of(folder.line("evaluate", table, "pixel0.pt", "whole.pt"));
  CHECK(sharded == read_whole(folder.at("outcomes.csv")));
}

TEST_CASE("a shard is read when its turn comes, and not where the limit ends before it") {
  const shard_folder folder;
  folder.damage();
  CHECK(report_of(folder.sharded({"--attack=none", "--limit=200"}))["n"] == 200);
  CHECK(contains(error_of(folder.sharded({"--attack=none"}), 1), folder.shard(2) + ": cut short or damaged"));
}

TEST_CASE("a run that ended early goes on from its state, to the same report, and then takes the state away") {
  const shard_folder folder;
  const command_line how{"--eps=20/255", "--steps=3", "--batch=32"};
  const json expected = timeless(report_of(folder.sharded(how)));
  const std::string state = folder.at("run.state");
  const command_line kept = how + command_line{"--state", state};

  const std::string good = read_whole(folder.shard(2));
  folder.damage();
  CHECK(contains(error_of(folder.sharded(kept), 1), "cut short or damaged"));
  CHECK(fs::exists(state));
  const run_result stopped = run_interrupted(folder.sharded(kept));
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.err ==
        "redoubt evaluate: interrupted; state kept in " + state + "; the same command goes on from it\n");

  write_whole(folder.shard(2), good);
  // Of another attack, model or data it is no state to go on from.
  CHECK(contains(error_of(folder.sharded(kept + command_line{"--seed=9"}), 1), state));
  CHECK(contains(error_of(folder.line("evaluate", kept, "pixel1.pt", "shards"), 1), state));
  CHECK(fs::exists(state));
  CHECK(timeless(report_of(folder.sharded(kept))) == expected);
  CHECK_FALSE(fs::exists(state));
}

TEST_CASE("an interrupted run without a batch done has kept nothing, and says so") {
  const pixel_folder folder;
  const std::ptrdiff_t before = folder.entries();
  const run_result stopped = run_interrupted(folder.line("evaluate", {"--state", folder.at("run.state")}));
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.err == "redoubt evaluate: interrupted; nothing was written\n");
  CHECK(folder.entries() == before);
}

TEST_CASE("a damaged state and one in no place are refused by name") {
  const pixel_folder folder;
  write_whole(folder.at("run.state"), "not a state");
  CHECK(contains(error_of(folder.line("evaluate", {"--state", folder.at("run.state")}), 1), folder.at("run.state")));
  CHECK(read_whole(folder.at("run.state")) == "not a state");
  CHECK(contains(error_of(folder.line("evaluate", {"--state", folder.at("none/run.state")}), 1),
                 "there is no folder " + folder.at("none")));
}

TEST_CASE("the report is what --json prints, with a page beside it") {
  const pixel_folder folder;
  const std::ptrdiff_t before = folder.entries();
  const std::string place = folder.at("report");
  const command_line line = folder.line("evaluate", {"--attack=fgsm", "--eps=8/255", "--report", place});
  const json report = report_of(line);
  CHECK(json::parse(read_whole(place + "/report.json")) == report);
  CHECK(folder.entries() == before + 1);
  CHECK(std::distance(fs::directory_iterator(place), fs::directory_iterator()) == 2);

  const std::string page = read_whole(place + "/report.html");
  CHECK(contains(page, "<h1>Robust accuracy 93.4% under fgsm, linf ≤ 8/255</h1>"));
  CHECK(contains(page, "redoubt evaluate --model " + folder.at("pixel0.pt")));
  CHECK(contains(page, "--attack fgsm"));
  CHECK(contains(page, "Fooled, one a class"));
  CHECK(contains(page, "Right under every attack, but only just"));
  for (const char* forbidden : {"<script", "<link", "http://", "https://", "@import", "src=\"/", "url("}) {
    CHECK(page.find(forbidden) == std::string::npos);
  }
  const run_result again = run_program(line);  // over the old one
  CHECK(again.exit_code == 0);
  CHECK(contains(again.out, "report: " + place + "/report.html\n"));
}

TEST_CASE("the security curve falls as known, from the clean accuracy through the asked size to twice it") {
  const pixel_folder folder;
  const json curve =
      report_of(folder.line("evaluate", {"--attack=fgsm", "--eps=8/255", "--report", folder.at("report")}))
          .at("security_curve");
  CHECK(curve["attack"] == "APGD-CE and APGD-DLR of 20 steps");
  CHECK(curve["samples"] == 256);
  const auto& points = curve["points"];
  REQUIRE(points.size() == 9);
  CHECK(points[0]["eps"] == 0.0);
  CHECK(points[0]["accuracy"] == 255. / 256);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double eps = points[i]["eps"].get<double>() * 255;
    int turned = 0;
    for (int value = 0; value < 256; ++value) {
      turned += value != 100 && std::abs(value - 127.5) < eps ? 1 : 0;
    }
    CHECK(points[i]["accuracy"].get<double>() == (255. - turned) / 256);
    CHECK(points[i]["accuracy_ci95"] == interval_of(255 - turned, 256));
  }
  CHECK(points[8]["eps"].get<double>() == doctest::Approx(16. / 255));

  const auto sizes = [&](const command_line& more, const std::string& eps = "8/255") {
    const json report = report_of(folder.line("evaluate", command_line{"--attack=fgsm", "--eps=" + eps} + more));
    return report.contains("security_curve") ? report["security_curve"]["points"].size() : 0;
  };
  CHECK(sizes({}) == 0);
  CHECK(sizes({"--curve=4/255,2/255,4/255"}) == 3);
  CHECK(sizes({"--curve=off", "--report", folder.at("report")}) == 0);
  CHECK(sizes({"--report", folder.at("report")}, "0") == 0);
  CHECK(contains(run_program(folder.line("evaluate", {"--eps=8/255", "--curve=4/255"})).out,
                 "accuracy over eps, APGD-CE and APGD-DLR of 20 steps on 256 samples: 0: 99.6 %, 4/255: 96.5 %\n"));
}

TEST_CASE("the curve's attack goes with the norm and with what the model offers") {
  const auto name = [](const std::string& attack, const std::string& norm) {
    attack_settings asked{.attack = attack, .norm = norm};
    asked.eps = norm == "l0" ? 1 : 0.1;
    static_cast<void>(attack_of(curve_attack(asked)));
    return curve_attack(asked).attack;
  };
  CHECK(name("fgsm", "linf") == "apgd-ce,apgd-dlr");
  CHECK(name("auto", "l1") == "apgd-ce,apgd-dlr");
  CHECK(name("fmn", "l0") == "pgd");
  CHECK(name("square", "l2") == "square");
  CHECK(name("square,pgd", "l2") == "apgd-ce,apgd-dlr");
  // Over l0 whole numbers, none twice; over others shares of what is asked.
  attack_settings few{.norm = "l0", .eps = 3};
  CHECK(curve_sizes("", few) == std::vector<double>{0, 1, 2, 3, 4, 5, 6});
  CHECK(curve_sizes("off", few).empty());
}

TEST_CASE("a report that cannot be written is refused before the work, and one that failed leaves no folder") {
  const pixel_folder folder;
  const std::ptrdiff_t before = folder.entries();
  const auto error = [&](const std::string& place, const command_line& more = {}) {
    return error_of(folder.line("evaluate", command_line{"--report", folder.at(place)} + more), 1);
  };
  CHECK(contains(error("images"), "cannot write " + folder.at("images")));
  CHECK(contains(error("images/report"), "cannot write " + folder.at("images/report")));
  CHECK(contains(error_of(folder.line("evaluate", {"--report", folder.at("new")}, "none.pt"), 1), "no such file"));
  const run_result stopped = run_interrupted(folder.line("evaluate", {"--report", folder.at("new")}));
  CHECK(stopped.exit_code == 130);
  CHECK(folder.entries() == before);
}

TEST_CASE("evaluate normalises where it is told to, and says so among the options") {
  const pixel_folder folder;
  const json report =
      report_of(folder.line("evaluate", {"--attack=fgsm", "--eps=8/255", "--mean=0.25", "--std=0.5", "--threads=1"}));
  CHECK(report["options"]["mean"] == json{0.25});
  CHECK(report["options"]["std"] == json{0.5});
  // The threshold 0.5 of the model's own input lies at 0.5 of the image's.
  CHECK(report["robust_accuracy"] == 239.0 / 256);
}
