#include "data.hpp"

#include "files.hpp"
#include "idx.hpp"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/csrc/jit/serialization/unpickler.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <fstream>
#include <optional>
#include <redoubt/core/error.hpp>
#include <redoubt/model/detail/archive.hpp>
#include <string>
#include <string_view>
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

/// The files of a folder that hold a tensor's parts, in the order of their names.
std::vector<fs::path> shards_of(const fs::path& path) {
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
  return shards;
}

void require_joins(const fs::path& shard, const at::Tensor& part, const fs::path& first_shard,
                   const at::Tensor& first) {
  if (part.dim() == 0 || part.sizes().slice(1) != first.sizes().slice(1) || part.dtype() != first.dtype()) {
    fail(shard.string(), ": ", part.dtype().name(), " ", part.sizes(), " does not join to ", first.dtype().name(), " ",
         first.sizes(), " of ", first_shard.filename().string());
  }
}

at::Tensor read_any(const fs::path& path) {
  if (!fs::exists(path)) {
    fail(path.string(), ": no such file");
  }
  if (!fs::is_directory(path)) {
    return read_file(path);
  }
  const std::vector<fs::path> shards = shards_of(path);
  std::vector<at::Tensor> parts;
  for (const fs::path& shard : shards) {
    parts.push_back(read_file(shard));
    require_joins(shard, parts.back(), shards.front(), parts.front());
  }
  return torch::cat(parts);
}

/// The tensor in a file of torch.save as far as its pickle tells: shape and type; there are no values behind it.
at::IValue outline_in_archive(const fs::path& path) {
  try {
    caffe2::serialize::PyTorchStreamReader archive{path.string()};
    const auto [pickle, size] = archive.getRecord("data.pkl");
    std::size_t at = 0;
    const auto read = [&, from = static_cast<const char*>(pickle.get()), size = size](char* to, std::size_t most) {
      const std::size_t length = std::min(most, size - at);
      std::memcpy(to, from + at, length);
      at += length;
      return length;
    };
    const auto no_values = [](const std::string& /*record*/) { return at::DataPtr{}; };
    return torch::jit::Unpickler{read, nullptr, nullptr, no_values, std::nullopt}.parse_ivalue();
  } catch (const std::exception&) {
    fail(path.string(), ": cut short or damaged; save one tensor with torch.save");
  }
}

bool is_archive(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::array<char, 4> start{};
  return file.read(start.data(), start.size()) && std::string_view{start.data(), start.size()} == "PK\x03\x04";
}

/// A tensor of the shape and type of the one in the file `path`; its values are not read where that can be.
at::Tensor outline_of(const fs::path& path) {
  if (!is_archive(path)) {
    return read_file(path);
  }
  const at::IValue outline = outline_in_archive(path);
  if (!outline.isTensor()) {
    fail(path.string(), ": holds a ", outline.tagKind(), "; save one tensor with torch.save");
  }
  return outline.toTensor();
}

/// [N, C, H, W], whatever the path holds; refused with its name where that cannot be.
at::Tensor as_images(const fs::path& path, at::Tensor images) {
  if (images.dim() == 3) {
    images = images.unsqueeze(1);
  }
  if (images.dim() != 4 || (images.scalar_type() != at::kByte && !images.is_floating_point())) {
    fail(path.string(), ": images must be uint8 or floating point [N, C, H, W] or [N, H, W], got ",
         images.dtype().name(), " ", images.sizes());
  }
  return images;
}

void require_as_many(const fs::path& images, std::int64_t image_count, const fs::path& labels,
                     std::int64_t label_count) {
  if (image_count != label_count) {
    fail(images.string(), " holds ", image_count, " images, ", labels.string(), " ", label_count,
         " labels; they must be as many");
  }
  if (image_count == 0) {
    fail(images.string(), ": holds no images");
  }
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
  return as_images(path, read_any(path));
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
  require_as_many(images, read.images.size(0), labels, read.count());
  return limit > 0 && limit < read.count() ? read.part(0, limit) : read;
}

sample_source::sample_source(const fs::path& images, const fs::path& labels, std::int64_t limit)
    : labels_{read_labels(labels)} {
  std::int64_t count = 0;
  if (!fs::is_directory(images)) {
    whole_ = read_images(images);
    count = whole_.size(0);
    pieces_.push_back({images, 0, count});
  } else {
    const std::vector<fs::path> shards = shards_of(images);
    const at::Tensor first = outline_of(shards.front());
    for (const fs::path& shard : shards) {
      const at::Tensor outline = outline_of(shard);
      require_joins(shard, outline, shards.front(), first);
      static_cast<void>(as_images(shard, outline));
      pieces_.push_back({shard, count, outline.size(0)});
      count += outline.size(0);
    }
  }
  require_as_many(images, count, labels, labels_.size(0));
  const std::int64_t kept = limit > 0 ? std::min(limit, count) : count;
  labels_ = labels_.narrow(0, 0, kept);
  std::erase_if(pieces_, [&](stretch& piece) {
    piece.count = std::min(piece.count, kept - piece.first);
    return piece.count <= 0;
  });
}

samples sample_source::read(std::size_t piece) const {
  const stretch& here = pieces_.at(piece);
  const at::Tensor images = whole_.defined() ? whole_ : read_images(here.file);
  require(images.size(0) >= here.count, here.file.string(), ": changed while it was in use");
  return samples{images.narrow(0, 0, here.count), labels_.narrow(0, here.first, here.count)}.scaled();
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
