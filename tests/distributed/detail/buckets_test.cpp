#include <redoubt/distributed/detail/buckets.hpp>

#include <ATen/ATen.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <vector>

using redoubt::detail::bucket;
using redoubt::detail::buckets_of;
using redoubt::detail::flattened;
using redoubt::detail::put_back;

namespace {

std::vector<at::Tensor> floats(const std::vector<std::int64_t>& sizes) {
  std::vector<at::Tensor> tensors;
  for (const std::int64_t size : sizes) {
    tensors.push_back(at::zeros({size}));
  }
  return tensors;
}

}  // namespace

TEST_CASE("tensors fill a bucket in their order, and the next begins where one is full") {
  CHECK(buckets_of(floats({2, 3, 4, 1}), 24) == std::vector<bucket>{{0, 1}, {2, 3}});
  CHECK(buckets_of(floats({2, 3, 4, 1}), 1000) == std::vector<bucket>{{0, 1, 2, 3}});
  CHECK(buckets_of({}, 1000).empty());
}

TEST_CASE("a tensor larger than a bucket has one to itself") {
  CHECK(buckets_of(floats({1, 100, 1, 1}), 12) == std::vector<bucket>{{0}, {1}, {2, 3}});
}

TEST_CASE("types do not mix, and each tensor is in one bucket") {
  std::vector<at::Tensor> tensors = floats({1, 1, 0, 1});
  tensors[1] = at::zeros({1}, at::kDouble);
  const std::vector<bucket> buckets = buckets_of(tensors, 1000);
  CHECK(buckets == std::vector<bucket>{{0, 2, 3}, {1}});
}

TEST_CASE("a sparse tensor is refused") {
  CHECK_THROWS_AS(buckets_of({at::zeros({2, 2}).to_sparse()}, 1000), std::invalid_argument);
}

TEST_CASE("what is flattened comes back as it was, whatever its strides and type") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kLong, at::kByte, at::kHalf, at::kBFloat16}) {
    CAPTURE(c10::toString(type));
    const at::Tensor plain = at::arange(6).reshape({2, 3}).to(type);
    const std::vector<at::Tensor> tensors{plain.clone(), plain.t().clone().t(), plain.new_empty({0}),
                                          plain[0][1].clone()};
    const bucket all{0, 1, 2, 3};
    const at::Tensor flat = flattened(tensors, all).clone();
    REQUIRE(flat.numel() == 13);
    CHECK(flat.dim() == 1);
    const bool half = type == at::kHalf || type == at::kBFloat16;
    CHECK((flat.scalar_type() == (half ? at::kFloat : type)));
    for (const at::Tensor& each : tensors) {
      each.zero_();
    }
    put_back(flat, tensors, all);
    CHECK(at::equal(tensors[0], plain));
    CHECK(at::equal(tensors[1], plain));
    CHECK(at::equal(tensors[3], plain[0][1]));
  }
}

TEST_CASE("a bucket of one is not copied") {
  const std::vector<at::Tensor> one{at::zeros({2, 3})};
  CHECK(flattened(one, {0}).is_alias_of(one[0]));
}
