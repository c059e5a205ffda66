#include "gallery.hpp"

#include <ATen/ATen.h>  // before doctest: LibTorch has a macro CHECK of its own, which ends the process

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace redoubt::program;

namespace {

/// Logits are the first pixels of the image.
at::Tensor pixels_as_logits(const at::Tensor& x) {
  return x.flatten(1).narrow(1, 0, 3);
}

/// Images [N, 1, 1, 4] whose first three pixels are these.
at::Tensor images_of(const std::vector<std::vector<double>>& logits) {
  at::Tensor x = at::zeros({static_cast<std::int64_t>(logits.size()), 1, 1, 4});
  for (std::size_t i = 0; i < logits.size(); ++i) {
    for (std::size_t k = 0; k < 3; ++k) {
      x[static_cast<std::int64_t>(i)][0][0][static_cast<std::int64_t>(k)] = logits[i][k];
    }
  }
  return x;
}

evaluation_report hung(const gallery& seen, const std::string& norm = "linf") {
  evaluation_report report;
  report.norm = norm;
  report.eps = 0.5;
  seen.hang(pixels_as_logits, {0, 1}, report);
  return report;
}

std::vector<std::int64_t> rows_of(const std::vector<attacked_image>& images) {
  std::vector<std::int64_t> rows;
  rows.reserve(images.size());
  for (const attacked_image& one : images) {
    rows.push_back(one.row);
  }
  return rows;
}

}  // namespace

TEST_CASE("of each class the surest mistake is kept, and of what withstood the closest calls, over all batches") {
  gallery seen{2, 2};
  const at::Tensor y = at::tensor({0, 0, 1, 2}, at::kLong);
  const at::Tensor x = images_of({{1, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}});
  seen.look(pixels_as_logits, x, y, at::tensor({10, 11, 12, 13}, at::kLong),
            {.adversarial = images_of({{.2, .5, 0}, {.2, .9, 0}, {0, 1, .4}, {0, 0, 1}})}, "pgd");
  seen.look(pixels_as_logits, x, y, at::tensor({4, 5, 6, 7}, at::kLong),
            {.adversarial = images_of({{.2, .4, 0}, {1, .5, 0}, {.6, .5, 0}, {0, .9, 0}})}, "pgd");
  const evaluation_report report = hung(seen);
  CHECK(rows_of(report.fooled) == std::vector<std::int64_t>{7, 11});     // class 1's mistake, row 6, was the least sure
  CHECK(rows_of(report.withstood) == std::vector<std::int64_t>{5, 12});  // leads 0.5 and 0.6; 1 of row 13 had to go
  CHECK(report.fooled[1].prediction == 1);
  CHECK(report.fooled[1].label == 0);
  CHECK(report.fooled[1].attack == "pgd");
  CHECK(report.withstood[0].attack.empty());
  const double e = std::exp(.9) + std::exp(.2) + 1;
  CHECK(report.fooled[1].confidence == doctest::Approx(std::exp(.9) / e));
  CHECK(report.fooled[1].label_confidence == doctest::Approx(std::exp(.2) / e));
}

TEST_CASE("a sample is told under the stage that fooled it, with its size in the attack's norm") {
  gallery seen;
  const at::Tensor y = at::tensor({0, 1}, at::kLong);
  const at::Tensor x = images_of({{1, 0, 0}, {0, 1, 0}});
  redoubt::attack_result found{.adversarial = images_of({{.5, 1, 0}, {1, 0, .25}})};
  found.stages = {{"apgd-ce", at::tensor({0, 1}, at::kLong).to(at::kBool)},
                  {"square", at::tensor({1, 0}, at::kLong).to(at::kBool)}};
  seen.look(pixels_as_logits, x, y, at::tensor({0, 1}, at::kLong), found, "auto");
  const auto lengths = [&](const std::string& norm) { return hung(seen, norm).fooled[1].length; };
  const evaluation_report report = hung(seen);
  CHECK(report.fooled[0].attack == "square");
  CHECK(report.fooled[1].attack == "apgd-ce");
  CHECK(lengths("linf") == 1);
  CHECK(lengths("l2") == doctest::Approx(std::sqrt(2 + 1. / 16)));
  CHECK(lengths("l1") == doctest::Approx(2.25));
  CHECK(lengths("l0") == 3);
}

TEST_CASE("pictures are of the box, in grey or in colour, and large ones are thinned") {
  const auto shown = [](const at::Tensor& clean, const at::Tensor& adversarial) {
    gallery seen;
    seen.look(pixels_as_logits, clean, at::tensor({0}, at::kLong), at::tensor({0}, at::kLong),
              {.adversarial = adversarial}, "pgd");
    return hung(seen).fooled.at(0);
  };
  const attacked_image grey = shown(images_of({{1, 0, 0}}), images_of({{.5, .75, 0}}));
  CHECK(grey.clean.values == std::vector<std::uint8_t>{255, 0, 0, 0});
  CHECK(grey.adversarial.values == std::vector<std::uint8_t>{128, 191, 0, 0});
  CHECK(grey.perturbation.values == std::vector<std::uint8_t>{1, 255, 128, 128});  // full at eps, and cut off there

  at::Tensor colour = at::zeros({1, 3, 200, 400});
  colour[0][0][0][0] = 1;
  at::Tensor changed = colour.clone();
  changed[0][0][0][1] = 1;
  changed[0][0][0][0] = 0;
  const attacked_image large = shown(colour, changed);
  CHECK(large.clean.channels == 3);
  CHECK(large.clean.height == 67);
  CHECK(large.clean.width == 134);
  CHECK(large.clean.values.size() == 67 * 134 * 3);
  CHECK(large.clean.values[0] == 255);
  CHECK(large.clean.values[1] == 0);
}

TEST_CASE("logits that are not numbers, batches of none and an empty gallery do no harm") {
  gallery seen;
  const at::Tensor none = at::empty({0}, at::kLong);
  seen.look(pixels_as_logits, at::empty({0, 1, 1, 4}), none, none, {.adversarial = at::empty({0, 1, 1, 4})}, "pgd");
  const at::Tensor x = at::full({1, 1, 1, 4}, std::numeric_limits<float>::quiet_NaN());
  seen.look(pixels_as_logits, x, at::tensor({0}, at::kLong), at::tensor({0}, at::kLong), {.adversarial = x}, "pgd");
  CHECK(hung(seen).fooled.empty());
  CHECK(hung(seen).withstood.empty());
}
