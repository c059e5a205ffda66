#pragma once

#include "batcher.hpp"
#include "oip.hpp"
#include "refusals.hpp"
#include "serve_metrics.hpp"
#include "served_model.hpp"

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace redoubt::program {

/// One model behind the Open Inference Protocol, version 2, whatever carries the requests.
///
/// Its input is "images", FP32 [-1, sample...] (FP64, FP16, BF16 are converted, UINT8 are pixels, divided by 255); its
/// output "logits", FP32 [-1, classes].
class inference_service {
 public:
  inference_service(std::string name, served_model& model, batcher_options options);

  /// GET /v2
  [[nodiscard]] static nlohmann::json server_metadata();
  /// GET /v2/models/NAME[/versions/VERSION]; throws not_found for another name or version.
  [[nodiscard]] nlohmann::json model_metadata(const std::string& name, const std::string& version = {}) const;
  /// Throws not_found for a model or version that there is not.
  void require_served(const std::string& name, const std::string& version = {}) const;
  /// POST .../infer. Throws not_found, std::invalid_argument for what is wrong with the request, queue_full, and what
  /// the model throws.
  [[nodiscard]] oip_body infer(const std::string& name, const std::string& version, std::string_view body,
                               std::optional<std::size_t> json_size);

  /// Tells `observer` of each request that was answered: its id, or "" where it has none, and its samples. Before any
  /// request; called by many threads at once.
  void observed_by(std::function<void(const std::string&, const at::Tensor&)> observer) {
    observe_ = std::move(observer);
  }

  /// Adds what `text` gives to /metrics.
  void more_metrics(std::function<std::string()> text) { more_metrics_ = std::move(text); }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] serve_metrics& metrics() { return metrics_; }
  [[nodiscard]] std::string metrics_text();

 private:
  [[nodiscard]] model_in_use in_use();
  void require_version(const std::string& version, const std::string& current) const;

  std::string name_;
  served_model& model_;
  serve_metrics metrics_;
  std::function<void(const std::string&, const at::Tensor&)> observe_;
  std::function<std::string()> more_metrics_;
  batcher batcher_;
};

}  // namespace redoubt::program
