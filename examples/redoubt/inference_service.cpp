#include "inference_service.hpp"

#include "oip_samples.hpp"

#include <c10/core/InferenceMode.h>

#include <chrono>
#include <redoubt/core/error.hpp>
#include <redoubt/core/version.hpp>
#include <utility>

namespace redoubt::program {
namespace {

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

nlohmann::json tensor_metadata(const char* name, const std::vector<std::int64_t>& shape) {
  return {{"name", name}, {"datatype", "FP32"}, {"shape", shape}};
}

}  // namespace

inference_service::inference_service(std::string name, served_model& model, batcher_options options)
    : name_{std::move(name)}, model_{model}, metrics_{name_}, batcher_{options, [this] { return in_use(); }} {}

model_in_use inference_service::in_use() {
  auto edition = model_.current();
  const std::int64_t version = edition->version;
  return {version, [this, edition = std::move(edition)](const at::Tensor& x) {
            const c10::InferenceMode without_gradients;
            metrics_.inferred(static_cast<double>(x.size(0)));
            return edition->model(x);
          }};
}

nlohmann::json inference_service::server_metadata() {
  return {{"name", "redoubt"}, {"version", redoubt::version}, {"extensions", {"binary_tensor_data"}}};
}

nlohmann::json inference_service::model_metadata(const std::string& name, const std::string& version) const {
  require_served(name, version);
  const auto now = model_.current();
  return {{"name", name_},
          {"versions", {std::to_string(now->version)}},
          {"platform", "pytorch_torchscript"},
          {"inputs", {tensor_metadata(oip_input_name, model_.batch_shape(-1))}},
          {"outputs", {tensor_metadata(output_name, {-1, now->classes})}}};
}

void inference_service::require_served(const std::string& name, const std::string& version) const {
  if (name != name_) {
    throw not_found("there is no model \"" + name + "\"; this server has \"" + name_ + "\"");
  }
  require_version(version, std::to_string(model_.current()->version));
}

void inference_service::require_version(const std::string& version, const std::string& current) const {
  if (!version.empty() && version != current) {
    throw not_found("there is no version \"" + version + "\" of model \"" + name_ + "\"; the one served is " + current);
  }
}

oip_body inference_service::infer(const std::string& name, const std::string& version, std::string_view body,
                                  std::optional<std::size_t> json_size) {
  stopwatch watch;
  require_served(name, version);
  const oip_request request = parse_oip_request(body, json_size);
  for (const oip_wanted& each : request.outputs) {
    require(each.name == output_name, "there is no output \"", each.name, "\"; the model's is \"", output_name, "\"");
  }
  const at::Tensor x = samples_of(request, model_.sample());
  const double reading = watch.lap();
  const batched_answer found = batcher_.submit(x).get();
  require_version(version, std::to_string(found.version));  // another may have taken over since
  const at::Tensor logits = found.rows.to(at::kFloat).contiguous();
  const double inferring = watch.lap();
  if (observe_) {
    observe_(request.id.value_or(""), x);
  }
  const std::string bytes(static_cast<const char*>(logits.const_data_ptr()), logits.nbytes());
  const oip_tensor output{output_name, "FP32", logits.sizes().vec(), bytes};
  oip_body answer = oip_answer(request, {output}, name_, std::to_string(found.version));
  metrics_.took(reading, inferring, watch.lap());
  return answer;
}

std::string inference_service::metrics_text() {
  metrics_.waits(static_cast<double>(batcher_.waiting()));
  return metrics_.text() + (more_metrics_ ? more_metrics_() : std::string{});
}

}  // namespace redoubt::program
