#pragma once

#include "attack_flags.hpp"
#include "evaluation_report.hpp"

#include <functional>
#include <string>
#include <vector>

namespace redoubt::program {

/// Which sizes a security curve has, from the words after --curve: sizes with commas between, "off", or nothing for
/// nine from 0 to twice what is asked; with 0 in front, in order, none twice.
///
/// Throws std::invalid_argument, naming the flag, for what is neither.
[[nodiscard]] std::vector<double> curve_sizes(const std::string& words, const attack_settings& asked);

/// The attack that a security curve is made with: few steps on two losses, one of which does not mind logits that
/// saturate the other; PGD over a norm that those do not know, Square where what is asked for needs no gradient either.
[[nodiscard]] attack_settings curve_attack(const attack_settings& asked);

/// Which of `count` samples stand for all: at most `most`, evenly spaced. Samples from..from+length-1 alone.
[[nodiscard]] at::Tensor evenly_spaced(std::int64_t count, std::int64_t most, std::int64_t from, std::int64_t length);

/// Accuracy over the sizes, by `curve_attack`, on samples [M] that are the rows `rows` of all.
///
/// In order of size, each on what no smaller one fooled: what fools within a size fools within larger ones. `told` is
/// called with the share of the work that is done.
[[nodiscard]] security_curve measure_curve(const attack_settings& asked, const std::vector<double>& sizes,
                                           subject& model, const samples& some, const at::Tensor& rows,
                                           std::int64_t batch, const std::function<void(double)>& told);

}  // namespace redoubt::program
