#include <redoubt/model/script.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/passes/freeze_module.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "../program/temporary_folder.hpp"
#include "../script_models.hpp"

using redoubt::script_model;
using redoubt::testing::fragile_script;
using redoubt::testing::largest;
using redoubt::testing::normal;
using redoubt::testing::uniform;

static_assert(redoubt::a_module<script_model>);
static_assert(redoubt::a_module<const script_model>, "a module that is shared can be set through any handle");
static_assert(redoubt::a_classifier<script_model>);
static_assert(!redoubt::a_module<torch::jit::Module>);

namespace {

at::Tensor images(std::int64_t samples) {
  return uniform({samples, 1, 6, 6}, 11);
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary} << bytes;
}

std::string refusal(const std::filesystem::path& path) {
  return message_of<std::runtime_error>([&] { (void)script_model::load(path.string()); });
}

/// One line that says what could not be done to which file.
void check_line(const std::string& message, const std::string& task, const std::filesystem::path& path) {
  CAPTURE(message);
  CHECK(message.starts_with(task + path.string() + ": "));
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.size() < path.string().size() + 800);
}

at::Tensor gradient(const script_model& model, const at::Tensor& x) {
  const at::Tensor point = x.clone().requires_grad_();
  return torch::autograd::grad({model(point).select(1, 0).sum()}, {point})[0];
}

}  // namespace

TEST_CASE("script_model: calls forward, lists parameters and buffers, and offers features where there are any") {
  const script_model model = fragile_script();
  CHECK(model(images(5)).sizes() == at::IntArrayRef{5, 3});
  CHECK(model.parameters().size() == 5);
  CHECK(model.buffers().size() == 2);
  REQUIRE(model.features(images(5)).has_value());
  CHECK(model.features(images(5))->sizes() == at::IntArrayRef{5, 64});

  torch::jit::Module plain{"plain"};
  plain.define("def forward(self, x):\n    return x\n");
  CHECK_FALSE(script_model{plain}.features(images(5)).has_value());
}

TEST_CASE("script_model: what is saved is loaded again, with its gradients and modes") {
  const temporary_folder folder;
  script_model model = fragile_script();
  model.train(false);
  const std::string path = (folder / "model.pt").string();
  model.save(path);
  CHECK(folder.entries() == 1);
  const script_model again = script_model::load(path);
  CHECK(at::equal(again(images(4)), model(images(4))));
  CHECK(at::equal(gradient(again, images(4)), gradient(model, images(4))));
  CHECK(again.modes() == model.modes());
  CHECK(again.parameters().front().requires_grad());
}

TEST_CASE("script_model: a save replaces the file that was there, whole") {
  const temporary_folder folder;
  const auto path = folder / "model.pt";
  write_bytes(path, "an older file");
  fragile_script().save(path.string());
  CHECK_NOTHROW((void)script_model::load(path.string()));
  CHECK(folder.entries() == 1);
}

TEST_CASE("script_model: a save that fails leaves nothing behind, and the file that was there as it was") {
  const temporary_folder folder;
  const auto missing = folder / "no such folder" / "model.pt";
  check_line(message_of<std::runtime_error>([&] { fragile_script().save(missing.string()); }),
             "cannot write the model ", missing);
  CHECK(folder.entries() == 0);

  // A folder of that name cannot be replaced by a file: found out only when all has been written.
  const auto taken = folder / "model.pt";
  std::filesystem::create_directory(taken);
  write_bytes(taken / "kept", "kept");
  check_line(message_of<std::runtime_error>([&] { fragile_script().save(taken.string()); }), "cannot write the model ",
             taken);
  CHECK(folder.entries() == 1);
  CHECK(bytes_of(taken / "kept") == "kept");
}

TEST_CASE("script_model: a file that is missing, empty or something else is one line that names it") {
  const temporary_folder folder;
  const auto missing = folder / "missing.pt";
  CHECK(refusal(missing) == "cannot read the model " + missing.string() + ": no such file");
  check_line(refusal(folder / ""), "cannot read the model ", folder / "");
  const auto path = folder / "model.pt";
  for (const std::string& bytes : {std::string{}, std::string{"not a model"}, std::string(5000, '\0'),
                                   std::string{"PK\x03\x04 looks like a zip"}}) {
    write_bytes(path, bytes);
    check_line(refusal(path), "cannot read the model ", path);
  }
}

TEST_CASE("script_model: a file cut short anywhere is one line that names it") {
  const temporary_folder folder;
  const auto path = folder / "model.pt";
  fragile_script().save(path.string());
  const std::string whole = bytes_of(path);
  for (std::size_t twentieths = 0; twentieths < 20; ++twentieths) {
    write_bytes(path, whole.substr(0, whole.size() * twentieths / 20));
    check_line(refusal(path), "cannot read the model ", path);
  }
  write_bytes(path, whole.substr(0, whole.size() - 1));
  check_line(refusal(path), "cannot read the model ", path);
}

TEST_CASE("script_model: a file with a damaged byte is refused in one line, or is a file still") {
  // A tensor's byte is under a checksum; a byte of padding, or of a name that nobody asks for, is under none.
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  const temporary_folder folder;
  const auto path = folder / "model.pt";
  fragile_script().save(path.string());
  const std::string whole = bytes_of(path);
  int refused = 0;
  for (int trial = 0; trial < 150; ++trial) {
    CAPTURE(trial);
    std::string damaged = whole;
    char& byte = damaged[random.below(static_cast<std::uint32_t>(whole.size()))];
    byte = static_cast<char>(byte ^ static_cast<char>(1 + random.below(255)));
    write_bytes(path, damaged);
    const std::string message = refusal(path);
    if (message != "nothing was thrown") {
      check_line(message, "cannot read the model ", path);
      ++refused;
    }
  }
  CHECK(refused > 30);
}

TEST_CASE("script_model: a file without a method forward is one line that names it") {
  const temporary_folder folder;
  const auto path = folder / "model.pt";
  torch::jit::Module{"empty"}.save(path.string());
  check_line(refusal(path), "cannot read the model ", path);
}

TEST_CASE("script_model: modes are read and put back submodule by submodule") {
  script_model model = fragile_script();
  CHECK(model.modes() == std::vector<bool>{true, true, true});
  for (const std::vector<bool>& wanted : {std::vector<bool>{true, false, true}, {false, true, false}}) {
    model.set_modes(wanted);
    CHECK(model.modes() == wanted);
  }
  {
    const redoubt::eval_scope scope{model};
    CHECK(model.modes() == std::vector<bool>(3, false));
  }
  CHECK(model.modes() == std::vector<bool>{false, true, false});
}

TEST_CASE("script_model: evaluation sets the modes of a model that is held as const too") {
  const script_model model = fragile_script();
  {
    const redoubt::eval_scope scope{model};
    CHECK(model.modes() == std::vector<bool>(3, false));
  }
  CHECK(model.modes() == std::vector<bool>(3, true));
}

TEST_CASE("script_model: a copy is the same module, a clone another") {
  const script_model model = fragile_script();
  script_model copy = fragile_script();
  copy = model;
  script_model clone = model.clone();
  clone.train(false);
  clone.parameters().front().detach().zero_();
  CHECK(model.modes().front());
  CHECK(largest(model.parameters().front()) > 0);
  copy.train(false);
  CHECK_FALSE(model.modes().front());
}

TEST_CASE("script_model: folded is the same function with the same gradient, without BatchNorm's work") {
  script_model model = fragile_script();
  const std::vector<bool> modes = model.modes();
  const script_model folded = model.folded();
  CHECK(model.modes() == modes);
  CHECK(folded.modes() == std::vector<bool>(folded.modes().size(), false));
  model.train(false);
  const at::Tensor x = normal({8, 1, 6, 6}, 3);
  CHECK(largest(folded(x).sub(model(x))) < 1e-5);
  CHECK(largest(gradient(folded, x).sub(gradient(model, x))) < 1e-5);
  // The pass has found its pair: what it folds away is no longer called.
  bool calls_norm = false;
  const auto features = folded.module().get_method("features").graph();
  for (const auto* node : features->nodes()) {
    calls_norm = calls_norm || (node->kind() == c10::prim::CallMethod && node->s(c10::attr::name) == "forward" &&
                                node->input(0)->node()->s(c10::attr::name) == "norm");
  }
  CHECK_FALSE(calls_norm);
}

TEST_CASE("script_model: a frozen module has no modes to set and keeps its gradients") {
  script_model model = fragile_script();
  model.train(false);
  script_model frozen{torch::jit::freeze_module(model.module())};
  CHECK(largest(frozen(images(4)).sub(model(images(4)))) < 1e-5);
  CHECK(largest(gradient(frozen, images(4)).sub(gradient(model, images(4)))) < 1e-5);
  {
    const redoubt::eval_scope scope{frozen};
    CHECK_NOTHROW((void)frozen(images(4)));
  }
  frozen.train(true);
  CHECK(largest(frozen(images(4)).sub(model(images(4)))) < 1e-5);
}

TEST_CASE("script_model: a call that fails says in one line on what and why") {
  const script_model model = fragile_script();
  const std::string message = message_of<std::runtime_error>([&] { (void)model(at::zeros({2, 3, 6, 6})); });
  CAPTURE(message);
  CHECK(message.starts_with("the model fails on an input of shape [2, 3, 6, 6]: "));
  CHECK(message.find("channels") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);

  torch::jit::Module refuses{"refuses"};
  refuses.define("def forward(self, x):\n    assert x.size(0) > 5, 'six at least'\n    return x\n");
  const std::string raised = message_of<std::runtime_error>([&] { (void)script_model{refuses}(at::zeros({2})); });
  CAPTURE(raised);
  CHECK(raised.find("six at least") != std::string::npos);
  CHECK(raised.find('\n') == std::string::npos);
}

TEST_CASE("script_model: a module without forward, or one that returns no tensor, is refused") {
  torch::jit::Module empty{"empty"};
  CHECK_THROWS_WITH_AS(script_model{empty}, "script_model: the module has no method forward", std::invalid_argument);
  torch::jit::Module pair{"pair"};
  pair.define("def forward(self, x):\n    return x, x\n");
  CHECK_THROWS_WITH_AS((void)script_model{pair}(at::zeros({2})),
                       doctest::Contains("forward must return one tensor, got Tuple"), std::invalid_argument);
}
