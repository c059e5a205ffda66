#include "subject.hpp"

#include <redoubt/core/error.hpp>

namespace redoubt::program {

subject::subject(script_model model, const std::vector<double>& mean, const std::vector<double>& deviation)
    : model_{std::move(model)} {
  require(mean.size() == deviation.size(), "--mean and --std: as many numbers of one as of the other, got ",
          mean.size(), " and ", deviation.size());
  if (!mean.empty()) {
    normalised_.emplace(model_, mean, deviation);  // a copy refers to the same module
  }
}

at::Tensor subject::operator()(const at::Tensor& x) const {
  if (look_) {
    look_();
  }
  return normalised_ ? (*normalised_)(x) : model_(x);
}

}  // namespace redoubt::program
