#pragma once

#include "evaluation_report.hpp"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <redoubt/attack/any_attack.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/model/classifier.hpp>
#include <string>
#include <utility>
#include <vector>

namespace redoubt::program {

/// Keeps the most telling of the samples that an attack goes through, a few of however many.
///
/// Of those fooled the one of each class whose wrong answer has the largest lead over the label, of the classes those
/// with the largest of these leads; of the others those whose label has the smallest lead. Holds no more samples than
/// it shows.
class gallery {
 public:
  explicit gallery(std::size_t most_fooled = 8, std::size_t most_withstood = 4)
      : most_fooled_{most_fooled}, most_withstood_{most_withstood} {}

  /// Looks at what an attack called `name` made of the samples x with labels y, which the model had right.
  void look(const classifier_view& model, const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows,
            const attack_result& found, const std::string& name);

  /// Adds the pictures to the report, in order of their rows; norm and eps are the report's.
  void hang(const classifier_view& model, const box& bounds, evaluation_report& report) const;

 private:
  struct piece {
    double lead = 0;  // of the label over the likeliest other class; at most 0 where the model is fooled
    std::int64_t row = 0;
    std::int64_t label = 0;
    at::Tensor clean;  // [C, H, W] on the CPU
    at::Tensor adversarial;
    std::string attack;
  };

  /// Of those fooled the one whose mistake is the least sure.
  [[nodiscard]] std::map<std::int64_t, piece>::const_iterator faintest() const;
  [[nodiscard]] bool wanted(const piece& one) const;
  void keep(piece one);

  std::size_t most_fooled_;
  std::size_t most_withstood_;
  std::map<std::int64_t, piece> fooled_;  // by label
  std::vector<piece> withstood_;          // by lead
};

/// An attack that shows what it does to a gallery, which it does not own.
struct watched_attack {
  any_attack attack;
  std::string name;
  gallery* seen = nullptr;

  template <class Model>
  [[nodiscard]] at::Tensor operator()(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                      const at::Tensor& rows = {}) const {
    return run(model, x, y, rows).adversarial;
  }

  template <class Model>
  [[nodiscard]] attack_result run(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                  const at::Tensor& rows = {}) const {
    attack_result found = attack.run(model, x, y, rows);
    if (seen != nullptr) {
      seen->look([&](const at::Tensor& input) { return model(input); }, x, y, rows, found, name);
    }
    return found;
  }
};

}  // namespace redoubt::program
