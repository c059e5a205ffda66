#include "data.hpp"

#include "files.hpp"
#include "idx.hpp"

#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/types.h>

#include <algorithm>
#include <exception>
#include <redoubt/core/error.hpp>
#include <redoubt/model/detail/archive.hpp>
#include <string>
#include <vector>

namespace redoubt::program {
namespace {

namespace fs = std::filesystem;

at::Tensor read_idx_tensor(const fs::path& path) {
  const idx content = read_idx(path);
  at::Tensor tensor = torch::empty(content.shape, torch::kByte);
  std::copy(content.values.begin(), content.values.end(), tensor.mutable_data_ptr<std::uint8_t>());
  return tensor;
}

at::IValue unpickled(const fs::path& path, const std::string& bytes) {
  try {
    return torch::jit::pickle_load({bytes.begin(), bytes.end()});
  } catch (const std::exception&) {  // damage shows in more than c10::Error
    fail(path.string(), ": cut short or damaged; save one tensor with torch.save");
  }
}

at::Tensor read_saved_tensor(const fs::path& path, const std::string& bytes) {
  if (detail::archive_damage(bytes)) {
    fail(path.string(), ": cut short or damaged; save one tensor with torch.save");
  }
  const at::IValue value = unpickled(path, bytes);
  if (!value.isTensor()) {
    fail(path.string(), ": holds a ", value.tagKind(), "; save one tensor with torch.save");
  }
  return value.toTensor().detach();
}

at::Tensor read_file(const fs::path& path) {
  const std::string bytes = read_whole(path);
  if (bytes.starts_with("PK\x03\x04")) {  // torch.save writes a zip archive
    return read_saved_tensor(path, bytes);
  }
  return read_idx_tensor(path);
}

at::Tensor read_any(const fs::path& path) {
  if (!fs::exists(path)) {
    fail(path.string(), ": no such file");
  }
  if (!fs::is_directory(path)) {
    return read_file(path);
  }
  std::vector<fs::path> shards;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".pt") {
      shards.push_back(entry.path());
    }
  }
  if (shards.empty()) {
    fail(path.string(), ": a folder without .pt files");
  }
  std::sort(shards.begin(), shards.end());
  std::vector<at::Tensor> parts;
  for (const fs::path& shard : shards) {
    parts.push_back(read_file(shard));
    const at::Tensor& first = parts.front();
    const at::Tensor& part = parts.back();
    if (part.dim() == 0 || part.sizes().slice(1) != first.sizes().slice(1) || part.dtype() != first.dtype()) {
      fail(shard.string(), ": ", part.dtype().name(), " ", part.sizes(), " does not join to ", first.dtype().name(),
           " ", first.sizes(), " of ", shards.front().filename().string());
    }
  }
  return torch::cat(parts);
}

// MNIST's files are found under their own names, gzipped or not.
fs::path one_of_four(const fs::path& data, const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    if (fs::path path = data / (name + ending); fs::is_regular_file(path)) {
      return path;
    }
  }
  fail((data / name).string(),
       ": no such file, with or without .gz; --data is the folder of the data set's four files");
}

}  // namespace

at::Tensor read_images(const fs::path& path) {
  at::Tensor images = read_any(path);
  if (images.dim() == 3) {
    images = images.unsqueeze(1);
  }
  if (images.dim() != 4 || (images.scalar_type() != at::kByte && !images.is_floating_point())) {
    fail(path.string(), ": images must be uint8 or floating point [N, C, H, W] or [N, H, W], got ",
         images.dtype().name(), " ", images.sizes());
  }
  return images;
}

at::Tensor read_labels(const fs::path& path) {
  const at::Tensor labels = read_any(path);
  if (labels.dim() != 1 || !at::isIntegralType(labels.scalar_type(), false)) {
    fail(path.string(), ": labels must be whole numbers [N], got ", labels.dtype().name(), " ", labels.sizes());
  }
  return labels.to(at::kLong);
}

samples samples::part(std::int64_t first, std::int64_t count) const {
  require(first >= 0 && count >= 0 && first + count <= labels.size(0), "the data set has ", labels.size(0),
          " samples; ", first, " to ", first + count, " are asked for");
  return {images.narrow(0, first, count), labels.narrow(0, first, count)};
}

samples samples::scaled() const {
  return {images.scalar_type() == at::kByte ? images.to(at::kFloat).div_(255) : images, labels};
}

samples read_samples(const fs::path& images, const fs::path& labels, std::int64_t limit) {
  samples read{read_images(images), read_labels(labels)};
  if (read.images.size(0) != read.labels.size(0)) {
    fail(images.string(), " holds ", read.images.size(0), " images, ", labels.string(), " ", read.labels.size(0),
         " labels; they must be as many");
  }
  if (read.count() == 0) {
    fail(images.string(), ": holds no images");
  }
  return limit > 0 && limit < read.count() ? read.part(0, limit) : read;
}

samples read_training_set(const fs::path& data) {
  return read_samples(one_of_four(data, "train-images-idx3-ubyte"), one_of_four(data, "train-labels-idx1-ubyte"));
}

samples read_test_set(const fs::path& data) {
  return read_samples(one_of_four(data, "t10k-images-idx3-ubyte"), one_of_four(data, "t10k-labels-idx1-ubyte"));
}

void write_tensor(const fs::path& path, const at::Tensor& tensor) {
  const std::vector<char> bytes = torch::jit::pickle_save(tensor.contiguous().to(at::kCPU));
  write_whole(path, {bytes.data(), bytes.size()});
}

}  // namespace redoubt::program
