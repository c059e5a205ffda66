#include "inference_service.hpp"

#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <redoubt/core/error.hpp>
#include <redoubt/core/version.hpp>
#include <utility>

namespace redoubt::program {
namespace {

constexpr const char* input_name = "images";
constexpr const char* output_name = "logits";

class stopwatch {
 public:
  // Seconds since the last lap.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(began_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

at::ScalarType type_of(const oip_tensor& tensor) {
  if (tensor.datatype == "FP32") {
    return at::kFloat;
  }
  if (tensor.datatype == "FP64") {
    return at::kDouble;
  }
  if (tensor.datatype == "FP16") {
    return at::kHalf;
  }
  if (tensor.datatype == "BF16") {
    return at::kBFloat16;
  }
  require(tensor.datatype == "UINT8", "input \"", tensor.name,
          "\" must be FP32 (FP64, FP16, BF16, or UINT8 for pixels), ", "got ", tensor.datatype);
  return at::kByte;
}

nlohmann::json tensor_metadata(const char* name, const std::vector<std::int64_t>& shape) {
  return {{"name", name}, {"datatype", "FP32"}, {"shape", shape}};
}

}  // namespace

inference_service::inference_service(std::string name, served_model& model, batcher_options options)
    : name_{std::move(name)}, model_{model}, metrics_{name_}, batcher_{options, [this](const at::Tensor& x) {
                                                                         const c10::InferenceMode without_gradients;
                                                                         metrics_.inferred(
                                                                             static_cast<double>(x.size(0)));
                                                                         return model_.current()->model(x);
                                                                       }} {}

nlohmann::json inference_service::server_metadata() {
  return {{"name", "redoubt"}, {"version", redoubt::version}, {"extensions", {"binary_tensor_data"}}};
}

nlohmann::json inference_service::model_metadata(const std::string& name, const std::string& version) const {
  require_served(name, version);
  const auto now = model_.current();
  return {{"name", name_},
          {"versions", {std::to_string(now->version)}},
          {"platform", "pytorch_torchscript"},
          {"inputs", {tensor_metadata(input_name, model_.batch_shape(-1))}},
          {"outputs", {tensor_metadata(output_name, {-1, now->classes})}}};
}

void inference_service::require_served(const std::string& name, const std::string& version) const {
  if (name != name_) {
    throw not_found("there is no model \"" + name + "\"; this server has \"" + name_ + "\"");
  }
  const std::string current = std::to_string(model_.current()->version);
  if (!version.empty() && version != current) {
    throw not_found("there is no version \"" + version + "\" of model \"" + name_ + "\"; the one served is " + current);
  }
}

oip_body inference_service::infer(const std::string& name, const std::string& version, std::string_view body,
                                  std::optional<std::size_t> json_size) {
  stopwatch watch;
  require_served(name, version);
  const oip_request request = parse_oip_request(body, json_size);
  at::Tensor x = samples_of(request);
  const double reading = watch.lap();
  std::future<at::Tensor> pending = batcher_.submit(std::move(x));
  const at::Tensor logits = pending.get().to(at::kFloat).contiguous();
  const double inferring = watch.lap();
  const std::string bytes(static_cast<const char*>(logits.const_data_ptr()), logits.nbytes());
  const oip_tensor output{output_name, "FP32", logits.sizes().vec(), bytes};
  oip_body answer = oip_answer(request, {output}, name_, std::to_string(model_.current()->version));
  metrics_.took(reading, inferring, watch.lap());
  return answer;
}

std::string inference_service::metrics_text() {
  metrics_.waits(static_cast<double>(batcher_.waiting()));
  return metrics_.text();
}

// The one input, checked, as the model wants it.
at::Tensor inference_service::samples_of(const oip_request& request) const {
  require(request.inputs.size() == 1, "the model takes one input, \"", input_name, "\", got ", request.inputs.size());
  const oip_tensor& given = request.inputs.front();
  require(given.name == input_name, "there is no input \"", given.name, "\"; the model's is \"", input_name, "\"");
  const at::IntArrayRef shape{given.shape};
  const bool fits = !shape.empty() && shape[0] >= 1 && given.shape == model_.batch_shape(shape[0]);
  require(fits, "input \"", given.name, "\" must have shape ", at::IntArrayRef{model_.batch_shape(-1)},
          ", at least one sample; got ", shape);
  for (const oip_wanted& each : request.outputs) {
    require(each.name == output_name, "there is no output \"", each.name, "\"; the model's is \"", output_name, "\"");
  }
  const at::ScalarType type = type_of(given);
  // A copy: the request's bytes go, and need not be aligned.
  at::Tensor x = at::from_blob(const_cast<char*>(given.bytes.data()), shape, at::TensorOptions().dtype(type))
                     .to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  return type == at::kByte ? x.div_(255) : x;
}

}  // namespace redoubt::program
