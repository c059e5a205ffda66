#include <redoubt/core/philox.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <set>
#include <vector>

using redoubt::philox4x32;
using redoubt::philox_sequence;
using block = std::array<std::uint32_t, 4>;

static_assert(std::uniform_random_bit_generator<philox_sequence>);

// Random123's kat_vectors, philox4x32 with 10 rounds.
static_assert(philox4x32({0, 0, 0, 0}, {0, 0}) == block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
              block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

TEST_CASE("philox4x32: agrees with Random123's known answers at run time too") {
  // Through a variable, so that the code and not the constant evaluator is asked.
  block counter{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
  CHECK(philox4x32(counter, {0xa4093822, 0x299f31d0}) == block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  counter.fill(0);
  CHECK(philox4x32(counter, {0, 0}) == block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
}

TEST_CASE("philox_key: the seed's low half comes first, and both halves count") {
  CHECK(redoubt::philox_key(0x0123456789abcdef) == std::array<std::uint32_t, 2>{0x89abcdef, 0x01234567});
}

TEST_CASE("unit_float and unit_double: begin at 0 and never reach 1") {
  CHECK(redoubt::unit_float(0) == 0.0F);
  CHECK(redoubt::unit_float(0xff) == 0.0F);
  CHECK(redoubt::unit_float(0x100) == 0x1p-24F);
  CHECK(redoubt::unit_float(0xffffffff) == 1 - 0x1p-24F);
  CHECK(redoubt::unit_double(0) == 0.0);
  CHECK(redoubt::unit_double(1) == 0x1p-32);
  CHECK(redoubt::unit_double(0xffffffff) == 1 - 0x1p-32);
}

TEST_CASE("philox_sequence: its numbers are the blocks of counters 0, 1, 2, ... under its stream") {
  philox_sequence random{7, 0x500000003};
  for (std::uint32_t i = 0; i < 5; ++i) {
    for (const std::uint32_t expected : philox4x32({i, 0, 3, 5}, {7, 0})) {
      CHECK(random() == expected);
    }
  }
}

TEST_CASE("philox_sequence: the same seed and stream repeat, any other seed or stream does not") {
  std::set<std::vector<std::uint32_t>> starts;
  for (const auto& [seed, stream] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {0, 0}, {1, 0}, {0, 1}, {1, 1}, {std::uint64_t{1} << 32, 0}, {0, std::uint64_t{1} << 32}}) {
    philox_sequence random{seed, stream};
    philox_sequence again{seed, stream};
    std::vector<std::uint32_t> numbers;
    for (int i = 0; i < 8; ++i) {
      numbers.push_back(random());
      CHECK(again() == numbers.back());
    }
    starts.insert(numbers);
  }
  CHECK(starts.size() == 6);
}

TEST_CASE("philox_sequence: uniform numbers fill [0, 1) evenly") {
  constexpr int draws = 100000;
  philox_sequence random{11};
  std::array<int, 20> bins{};
  for (int i = 0; i < draws; ++i) {
    const double u = random.uniform();
    REQUIRE((u >= 0 && u < 1));
    ++bins[static_cast<std::size_t>(u * 20)];
  }
  double chi_squared = 0;
  for (const int bin : bins) {
    chi_squared += std::pow(bin - draws / 20.0, 2) / (draws / 20.0);
  }
  CHECK(chi_squared < 43.8);  // 99.9 % of 19 degrees of freedom
}

TEST_CASE("philox_sequence: below(count) stays below, and below(1) is 0") {
  philox_sequence random{3};
  for (const std::uint32_t count : {1U, 2U, 3U, 10U, 255U, 1U << 31, 0xffffffffU}) {
    for (int i = 0; i < 200; ++i) {
      REQUIRE(random.below(count) < count);
    }
  }
}

TEST_CASE("philox_sequence: below favours no residue where a plain multiplication would") {
  // 2^32 numbers onto 3 * 2^30 places: without refusals every third place would come up twice as often.
  philox_sequence random{5};
  std::array<int, 3> residues{};
  constexpr int draws = 30000;
  for (int i = 0; i < draws; ++i) {
    ++residues[random.below(3U << 30) % 3];
  }
  for (const int residue : residues) {
    CHECK(std::abs(residue - draws / 3) < 4 * std::sqrt(draws * 2.0 / 9));
  }
}
