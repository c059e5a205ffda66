#include "served_model.hpp"

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <redoubt/model/script.hpp>
#include <stdexcept>
#include <string>

#include "../script_models.hpp"
#include "temporary_folder.hpp"

using namespace redoubt::program;
using change = served_model::change;

namespace {

// A net [N, 1, 6, 6] -> [N, classes] whose logits are all `value`.
void write_net(const std::filesystem::path& file, const std::string& value, int classes = 3) {
  torch::jit::Module net = redoubt::testing::script_module("net");
  net.define("def forward(self, x):\n    return torch.full([x.size(0), " + std::to_string(classes) + "], " + value +
             ")\n");
  redoubt::script_model{net}.save(file.string());
}

double logit(const served_model& model) {
  return model.current()->model(at::zeros({1, 1, 6, 6})).mean().item<double>();
}

}  // namespace

TEST_CASE(
    "served_model: another file in its place takes over once it has settled, and who holds the old one keeps it") {
  const temporary_folder folder;
  const auto file = folder / "model.pt";
  write_net(file, "1.0");
  served_model model{file, {1, 6, 6}};
  CHECK(model.look().what == change::none);
  const auto old = model.current();
  write_net(file, "2.0");
  CHECK(model.look().what == change::none);  // it may still be written
  CHECK(model.look().what == change::swapped);
  CHECK(logit(model) == 2);
  CHECK(model.current()->version == 2);
  CHECK(old->model(at::zeros({1, 1, 6, 6})).mean().item<double>() == 1);
  CHECK(model.look().what == change::none);
}

TEST_CASE("served_model: a file that does not load, infer or fit is refused once, and the old one serves on") {
  const temporary_folder folder;
  const auto file = folder / "model.pt";
  write_net(file, "1.0");
  served_model model{file, {1, 6, 6}};
  const auto check_refused = [&](const char* words) {
    static_cast<void>(model.look());
    const served_model::finding found = model.look();
    CHECK(found.what == change::refused);
    CHECK(found.why.find(words) != std::string::npos);
    CHECK(found.why.find(file.string()) != std::string::npos);
    CHECK(model.look().what == change::none);
    CHECK(logit(model) == 1);
    CHECK(model.current()->version == 1);
  };
  std::ofstream{file} << "no model";
  check_refused("not a whole TorchScript file");
  write_net(file, "float('nan')");
  check_refused("not finite");
  write_net(file, "1.0", 4);
  check_refused("has 4 classes");
  std::filesystem::remove(file);
  CHECK(model.look().what == change::none);
  write_net(file, "5.0");
  static_cast<void>(model.look());
  CHECK(model.look().what == change::swapped);
  CHECK(logit(model) == 5);
}

TEST_CASE("served_model: begins with nothing less than a model that infers") {
  const temporary_folder folder;
  const auto file = folder / "model.pt";
  CHECK_THROWS_WITH_AS(served_model(file, {1, 6, 6}), doctest::Contains("no such file"), std::runtime_error);
  redoubt::testing::fragile_script().save(file.string());
  CHECK_THROWS_WITH_AS(served_model(file, {3, 6, 6}), doctest::Contains("fails on an input of shape [1, 3, 6, 6]"),
                       std::runtime_error);
  const served_model model{file, {1, 6, 6}};
  CHECK(model.current()->classes == 3);
}
