#include "curve.hpp"

#include "attack_list.hpp"
#include "html.hpp"
#include "numbers.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <redoubt/core/rows.hpp>
#include <redoubt/evaluate/interval.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <sstream>

namespace redoubt::program {

std::vector<double> curve_sizes(const std::string& words, const attack_settings& asked) {
  std::vector<double> sizes;
  if (words == "off" || (words.empty() && (asked.attack == "none" || asked.eps <= 0))) {
    return {};
  }
  require(asked.attack != "none", "--curve: --attack none has no size to vary");
  if (words.empty()) {
    for (const double share : {0.125, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0}) {
      sizes.push_back(asked.norm == "l0" ? std::round(share * asked.eps) : share * asked.eps);
    }
  } else {
    std::istringstream list{words};
    for (std::string one; std::getline(list, one, ',');) {
      try {
        sizes.push_back(parse_number(one));
      } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(text("--curve: off, or sizes with commas between: ", error.what()));
      }
      require(sizes.back() >= 0, "--curve: sizes must be >= 0, got ", one);
      require(asked.norm != "l0" || sizes.back() == std::floor(sizes.back()),
              "--curve: over l0 sizes are whole numbers, got ", one);
    }
  }
  sizes.push_back(0);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

attack_settings curve_attack(const attack_settings& asked) {
  attack_settings cheaper{.attack = "apgd-ce,apgd-dlr", .norm = asked.norm, .eps = asked.eps, .steps = 20};
  cheaper.seed = asked.seed;
  cheaper.box = asked.box;
  cheaper.queries = 300;
  const std::vector<std::string> names = asked.names();
  const bool by_gradients = std::any_of(names.begin(), names.end(),
                                        [](const std::string& name) { return attack_kind_of(name).needs_gradient; });
  if (!by_gradients && attack_kind_of("square").knows(asked.norm)) {  // the model may have no gradient
    cheaper.attack = "square";
  } else if (!attack_kind_of("apgd-ce").knows(asked.norm)) {
    cheaper.attack = "pgd";
  }
  return cheaper;
}

at::Tensor evenly_spaced(std::int64_t count, std::int64_t most, std::int64_t from, std::int64_t length) {
  const std::int64_t kept = std::min(count, most);
  std::vector<std::int64_t> chosen;
  for (std::int64_t row = from; row < from + length; ++row) {
    if ((row + 1) * kept / count > row * kept / count) {
      chosen.push_back(row);
    }
  }
  at::Tensor rows = at::empty({static_cast<std::int64_t>(chosen.size())}, at::kLong);
  std::copy(chosen.begin(), chosen.end(), rows.mutable_data_ptr<std::int64_t>());
  return rows;
}

security_curve measure_curve(const attack_settings& asked, const std::vector<double>& sizes, subject& model,
                             const samples& some, const at::Tensor& rows, std::int64_t batch,
                             const std::function<void(double)>& told) {
  const auto began = std::chrono::steady_clock::now();
  attack_settings cheaper = curve_attack(asked);
  security_curve curve;
  curve.attack = cheaper.attack == "square" ? "Square of 300 queries"
                 : cheaper.attack == "pgd"  ? "PGD-20"
                                            : "APGD-CE and APGD-DLR of 20 steps";
  curve.samples = some.count();
  at::Tensor left = row_numbers(some.count(), some.labels);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    cheaper.eps = sizes[i];
    cheaper.attack = sizes[i] > 0 ? curve_attack(asked).attack : "none";
    if (left.size(0) > 0) {
      const evaluation_options options{.batch = batch, .rows = rows.to(left.device()).index_select(0, left)};
      const robustness found = robust_accuracy(attack_of(cheaper), model, some.images.index_select(0, left),
                                               some.labels.index_select(0, left), options);
      left = left.index_select(0, found.robust_correct.to(left.device()).nonzero().squeeze(1));
    }
    const interval exact = clopper_pearson(left.size(0), some.count());
    const double accuracy = static_cast<double>(left.size(0)) / static_cast<double>(some.count());
    curve.points.push_back({sizes[i], {accuracy, exact.lower, exact.upper}});
    told(static_cast<double>(i + 1) / static_cast<double>(sizes.size()));
  }
  curve.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return curve;
}

}  // namespace redoubt::program
