#pragma once

#include "loop_report.hpp"
#include "picture.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace redoubt::program {

/// A line of the attack-by-attack table.
struct attack_line {
  std::string name = {};
  std::int64_t attacked = 0;  ///< right as they are, and fooled by no attack before
  std::int64_t fooled = 0;    ///< of those
  double robust_accuracy = 0;
  double seconds = 0;
};

/// A line of the class-by-class table: counts of samples with this label.
struct class_line {
  std::int64_t label = 0;
  std::int64_t n = 0;
  std::int64_t clean = 0;
  std::int64_t robust = 0;
};

struct curve_point {
  double eps = 0;
  measured accuracy = {};
};

/// Accuracy over the size of the perturbation, by a cheaper attack on some of the samples.
struct security_curve {
  std::string attack = {};   ///< in words, "PGD-20"
  std::int64_t samples = 0;  ///< evenly spaced over all
  std::vector<curve_point> points = {};
  double seconds = 0;
};

/// An image, what was done to it and what the model made of both. Pictures are of the box, from black to white.
struct attacked_image {
  std::int64_t row = 0;
  picture clean = {};
  picture perturbation = {};  ///< grey: 128 is no change; in colour: mid grey is none
  picture adversarial = {};
  std::int64_t label = 0;
  std::int64_t prediction = 0;  ///< on the adversarial image
  double clean_confidence = 0;  ///< in the label, on the image as it is
  double confidence = 0;        ///< in `prediction`
  double label_confidence = 0;  ///< in the label, on the adversarial image
  double length = 0;            ///< of the perturbation, in the attack's norm
  std::string attack = {};      ///< that fooled the model; empty where none did
};

/// All that `redoubt evaluate` tells of a run, as plain data: the page and the terminal's table are made from it alone.
struct evaluation_report {
  std::string model = {};  ///< file names
  std::string images = {};
  std::string labels = {};
  std::string attack = {};
  std::string norm = {};
  double eps = 0;
  std::int64_t n = 0;
  measured clean = {};
  measured robust = {};
  std::vector<attack_line> attacks = {};
  std::vector<class_line> classes = {};
  std::vector<std::string> warnings = {};
  std::optional<security_curve> curve = {};
  std::vector<attacked_image> fooled = {};
  std::vector<attacked_image> withstood = {};  ///< nearest to being fooled
  double seconds = 0;
  std::vector<std::pair<std::string, std::string>> options = {};   ///< as they were used
  std::vector<std::pair<std::string, std::string>> versions = {};  ///< "redoubt", "LibTorch", "compiler", "CPU", ...
  std::uint64_t seed = 0;
  std::string command = {};  ///< the command line that repeats the run
};

/// A page that opens from a file: HTML with inline SVG and pictures, no script, nothing fetched. Light and dark.
[[nodiscard]] std::string evaluation_page(const evaluation_report& report);

/// Accuracy over the size of the perturbation as an inline SVG `width` units wide, with what the full attack reached.
[[nodiscard]] std::string security_chart(const evaluation_report& report, int width);

/// The same for a terminal.
[[nodiscard]] std::string evaluation_table(const evaluation_report& report);

/// A size as a reader would write it: 0.1, or 8/255 where it is no short decimal.
[[nodiscard]] std::string told_size(double eps);

}  // namespace redoubt::program
