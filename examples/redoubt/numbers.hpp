#pragma once

#include <limits>
#include <string_view>

namespace CLI {
class Validator;
}  // namespace CLI

namespace redoubt::program {

/// The finite number that `text` spells: "0.1", "1e-3", "-2" or a quotient of two, "8/255".
/// Throws std::invalid_argument that quotes the text.
[[nodiscard]] double parse_number(std::string_view text);

/// Values a number may take; the ends belong to it unless `above` says otherwise for the lower one.
struct number_range {
  double least = std::numeric_limits<double>::lowest();
  double most = std::numeric_limits<double>::max();
  bool above = false;  ///< strictly above `least`
};

/// Lets a CLI11 option of a floating-point type read what `parse_number` reads, and refuses what is outside `range`:
///
///     flags->add_option("--eps", eps)->transform(number({.least = 0}));
[[nodiscard]] CLI::Validator number(number_range range = {});

}  // namespace redoubt::program
