#include "subject.hpp"

#include <ATen/ops/tensor.h>

#include <redoubt/core/error.hpp>

namespace redoubt::program {

subject::subject(script_model model, const std::vector<double>& mean, const std::vector<double>& deviation)
    : model_{std::move(model)} {
  require(mean.size() == deviation.size(), "--mean and --std: one number a channel each, got ", mean.size(), " and ",
          deviation.size());
  for (const double value : deviation) {
    require(value > 0, "--std: must be > 0, got ", value);
  }
  if (!mean.empty()) {
    const std::int64_t channels = static_cast<std::int64_t>(mean.size());
    mean_ = at::tensor(mean).view({channels, 1, 1});
    deviation_ = at::tensor(deviation).view({channels, 1, 1});
  }
}

at::Tensor subject::operator()(const at::Tensor& x) const {
  if (look_) {
    look_();
  }
  if (!mean_.defined()) {
    return model_(x);
  }
  require(x.dim() == 4 && (mean_.size(0) == 1 || mean_.size(0) == x.size(1)), "--mean and --std: ", mean_.size(0),
          " numbers, the input is ", x.sizes());
  return model_(x.sub(mean_.to(x.options())).div(deviation_.to(x.options())));
}

}  // namespace redoubt::program
