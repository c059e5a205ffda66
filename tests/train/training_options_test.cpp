#include <redoubt/train/training_options.hpp>

#include <doctest/doctest.h>

#include <ATen/ATen.h>

#include <redoubt/loss/margin.hpp>

using redoubt::labelled_data;

TEST_CASE("labelled_data hands out the rows that are asked for, in their order") {
  const labelled_data data{at::arange(12, at::kFloat).view({6, 2}), at::arange(6)};
  const labelled_data part = data.at(at::tensor({5L, 0L, 5L}));
  CHECK(part.x.equal(at::tensor({10.F, 11.F, 0.F, 1.F, 10.F, 11.F}).view({3, 2})));
  CHECK(part.y.equal(at::tensor({5L, 0L, 5L})));
  CHECK(data.x[5][0].item<double>() == 10);
}

TEST_CASE("labelled_data: bytes become the 256 numbers of [0, 1], floating point stays what it is") {
  const labelled_data bytes{at::arange(256).to(at::kByte).view({256, 1}), at::zeros({256}, at::kLong)};
  const labelled_data images = bytes.at(at::arange(256));
  CHECK((images.x.scalar_type() == at::kFloat));
  CHECK(images.x.equal(at::arange(256, at::kFloat).view({256, 1}).div(255)));
  CHECK(images.x.max().item<float>() == 1);
  CHECK((bytes.x.scalar_type() == at::kByte));

  const labelled_data fine{at::linspace(0, 1, 12, at::kDouble).view({4, 3}), at::zeros({4}, at::kLong)};
  CHECK(fine.at(at::arange(4)).x.equal(fine.x));
}

TEST_CASE("training_options: what is not named keeps its published default") {
  const redoubt::training_options options{.epochs = 3, .loss = redoubt::margin{}, .seed = 7};
  CHECK(options.epochs == 3);
  CHECK(options.batch == 128);
  CHECK(options.averaging == 0);
  CHECK_FALSE(static_cast<bool>(options.schedule));
  CHECK_FALSE(static_cast<bool>(options.augment));
  CHECK_FALSE(static_cast<bool>(options.progress));
  CHECK_FALSE(options.held_out.x.defined());
  CHECK(options.checkpoint.empty());
  CHECK(options.seed == 7);
  CHECK(redoubt::training_options{}.epochs == 10);
}
