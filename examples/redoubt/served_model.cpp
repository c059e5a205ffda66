#include "served_model.hpp"

#include "files.hpp"

#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <sys/stat.h>

#include <exception>
#include <redoubt/core/error.hpp>
#include <redoubt/model/detail/sealed_archive.hpp>
#include <utility>

namespace redoubt::program {

served_model::served_model(std::filesystem::path file, std::vector<std::int64_t> sample)
    : file_{std::move(file)}, sample_{std::move(sample)}, tried_{marked()}, current_{load(1)} {}

std::shared_ptr<const served_model::edition> served_model::current() const {
  const std::scoped_lock lock{mutex_};
  return current_;
}

std::vector<std::int64_t> served_model::batch_shape(std::int64_t samples) const {
  std::vector<std::int64_t> shape{samples};
  shape.insert(shape.end(), sample_.begin(), sample_.end());
  return shape;
}

std::optional<std::string> served_model::reload() {
  try {
    const auto now = current();
    const auto next = load(now->version + 1);
    if (next->classes != now->classes) {
      return file_.string() + " has " + std::to_string(next->classes) + " classes, the model that it was to replace " +
             std::to_string(now->classes);
    }
    const std::scoped_lock lock{mutex_};
    current_ = next;
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

served_model::finding served_model::look() {
  const std::optional<mark> now = marked();
  const bool settled = now.has_value() && now == seen_;
  seen_ = now;
  if (!settled || now == tried_) {
    return {};
  }
  tried_ = now;
  std::optional<std::string> why = reload();
  return why ? finding{change::refused, std::move(*why)} : finding{change::swapped, {}};
}

std::optional<served_model::mark> served_model::marked() const {
  struct stat status {};
  if (stat(file_.c_str(), &status) != 0) {
    return {};
  }
  return mark{.seconds = status.st_mtim.tv_sec,
              .nanoseconds = status.st_mtim.tv_nsec,
              .size = status.st_size,
              .inode = status.st_ino};
}

std::shared_ptr<const served_model::edition> served_model::load(std::int64_t version) const {
  const script_model model = script_model::load(file_.string());
  const std::string digest = detail::seal_of(read_whole(file_));
  model.train(false);
  const c10::InferenceMode without_gradients;
  const std::vector<std::int64_t> shape = batch_shape(1);
  const at::Tensor logits = model(at::zeros(shape));
  if (logits.dim() != 2 || logits.size(0) != 1 || logits.size(1) < 2 || !logits.is_floating_point()) {
    fail(file_.string(), " gives no logits [1, C] for an input of ", at::IntArrayRef{shape}, ", but ", logits.sizes(),
         " of type ", logits.dtype().name());
  }
  if (!logits.isfinite().all().item<bool>()) {
    fail(file_.string(), " gives logits that are not finite for an input of zeros");
  }
  return std::make_shared<const edition>(
      edition{.model = model, .version = version, .classes = logits.size(1), .digest = digest});
}

}  // namespace redoubt::program
