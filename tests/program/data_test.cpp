#include "data.hpp"

#include "files.hpp"
#include "gzip_bytes.hpp"
#include "small_inputs.hpp"
#include "temporary_folder.hpp"

#include <doctest/doctest.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace fs = std::filesystem;
using namespace redoubt::program;

namespace {

at::Tensor some_images() {
  return at::arange(3 * 2 * 2, at::kByte).mul(20).view({3, 1, 2, 2});
}

/// What reading images from a file of these bytes answers; its name, which must be there, left out.
std::string refusal(const std::string& bytes) {
  const temporary_folder folder;
  const std::string path = (folder / "data").string();
  write_whole(path, bytes);
  std::string message = message_of<std::runtime_error>([&] { static_cast<void>(read_images(path)); });
  CHECK_MESSAGE(message.find('\n') == std::string::npos, message);
  const std::size_t name = message.find(path);
  REQUIRE_MESSAGE(name != std::string::npos, message);
  return message.erase(name, path.size());
}

std::string saved(const at::IValue& value) {
  const std::vector<char> bytes = torch::jit::pickle_save(value);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("images are the same from every kind of file") {
  const temporary_folder folder;
  const at::Tensor images = some_images();
  write_whole(folder / "idx", idx_bytes(images));
  write_whole(folder / "idx.gz", gzipped(idx_bytes(images)));
  write_whole(folder / "grey", idx_bytes(images.squeeze(1)));
  write_tensor(folder / "bytes.pt", images);
  fs::create_directory(folder / "shards");
  write_tensor(folder / "shards/a.pt", images.narrow(0, 0, 1));
  write_tensor(folder / "shards/b.pt", images.narrow(0, 1, 2));
  for (const char* name : {"idx", "idx.gz", "grey", "bytes.pt", "shards"}) {
    CAPTURE(name);
    CHECK(at::equal(read_images(folder / name), images));
  }
  const at::Tensor scaled = images.to(at::kFloat).div(255);
  write_tensor(folder / "floats.pt", scaled);
  CHECK(at::equal(read_images(folder / "floats.pt"), scaled));
}

TEST_CASE("labels are int64 from every kind of file") {
  const temporary_folder folder;
  const at::Tensor labels = at::tensor({2, 0, 1}, at::kLong);
  write_whole(folder / "idx", idx_bytes(labels));
  write_tensor(folder / "bytes.pt", labels.to(at::kByte));
  write_tensor(folder / "ints.pt", labels.to(at::kInt));
  write_tensor(folder / "longs.pt", labels);
  for (const char* name : {"idx", "bytes.pt", "ints.pt", "longs.pt"}) {
    CAPTURE(name);
    const at::Tensor read = read_labels(folder / name);
    CHECK((read.scalar_type() == at::kLong));
    CHECK(at::equal(read, labels));
  }
}

TEST_CASE("shards are joined in the order of their names, and other files beside them do not matter") {
  const temporary_folder folder;
  for (const int shard : {2, 0, 1}) {
    write_tensor(folder / ("part-" + std::to_string(shard) + ".pt"), at::full({2}, shard, at::kLong));
  }
  write_whole(folder / "README.md", "three shards");
  CHECK(at::equal(read_labels(folder / ""), at::tensor({0, 0, 1, 1, 2, 2}, at::kLong)));
}

TEST_CASE("shards that do not fit together are refused, the second one named") {
  const temporary_folder folder;
  write_tensor(folder / "a.pt", some_images());
  const auto refused = [&] {
    return message_of<std::runtime_error>([&] { static_cast<void>(read_images(folder / "")); });
  };
  const std::string start = (folder / "b.pt").string() + ": ";
  write_tensor(folder / "b.pt", at::zeros({1, 1, 2, 3}, at::kByte));
  CHECK(refused() == start + "unsigned char [1, 1, 2, 3] does not join to unsigned char [3, 1, 2, 2] of a.pt");
  write_tensor(folder / "b.pt", at::tensor(1));
  CHECK(contains(refused(), start));
  // Bytes would be joined to fractions as whole numbers, and never be divided by 255.
  write_tensor(folder / "b.pt", at::zeros({1, 1, 2, 2}));
  CHECK(refused() == start + "float [1, 1, 2, 2] does not join to unsigned char [3, 1, 2, 2] of a.pt");
}

TEST_CASE("bytes are scaled to [0, 1], floating point stays as it is") {
  const at::Tensor labels = at::zeros({3}, at::kLong);
  const at::Tensor scaled = samples{some_images(), labels}.scaled().images;
  CHECK((scaled.scalar_type() == at::kFloat));
  CHECK(scaled.max().item<float>() == 220.F / 255);
  const at::Tensor wide = at::full({3, 1, 2, 2}, 7.5);
  CHECK(at::equal(samples{wide, labels}.scaled().images, wide));
}

TEST_CASE("the first so many samples are kept, or all") {
  const temporary_folder folder;
  write_tensor(folder / "images.pt", some_images());
  write_tensor(folder / "labels.pt", at::arange(3, at::kLong));
  const auto count = [&](std::int64_t limit) {
    return read_samples(folder / "images.pt", folder / "labels.pt", limit).count();
  };
  CHECK(count(0) == 3);
  CHECK(count(2) == 2);
  CHECK(count(3) == 3);
  CHECK(count(1000) == 3);
  CHECK(read_samples(folder / "images.pt", folder / "labels.pt", 2).images.size(0) == 2);
}

TEST_CASE("a part beyond the samples is refused") {
  const samples all{some_images(), at::arange(3, at::kLong)};
  CHECK(at::equal(all.part(1, 2).labels, at::tensor({1, 2}, at::kLong)));
  CHECK(message_of<std::invalid_argument>([&] { static_cast<void>(all.part(1, 3)); }) ==
        "the data set has 3 samples; 1 to 4 are asked for");
  CHECK_THROWS_AS(static_cast<void>(all.part(-1, 1)), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(all.part(0, -1)), std::invalid_argument);
}

TEST_CASE("labels and images of different number, and none at all, are refused with the numbers") {
  const temporary_folder folder;
  const std::string at = (folder / "").string();
  write_tensor(folder / "images.pt", some_images());
  write_tensor(folder / "labels.pt", at::arange(4, at::kLong));
  const auto refused = [&] {
    return message_of<std::runtime_error>(
        [&] { static_cast<void>(read_samples(folder / "images.pt", folder / "labels.pt")); });
  };
  CHECK(refused() == at + "images.pt holds 3 images, " + at + "labels.pt 4 labels; they must be as many");
  write_tensor(folder / "images.pt", at::zeros({0, 1, 2, 2}));
  write_tensor(folder / "labels.pt", at::zeros({0}, at::kLong));
  CHECK(refused() == at + "images.pt: holds no images");
}

TEST_CASE("a tensor that is no image is refused with its type and shape") {
  const std::string need = ": images must be uint8 or floating point [N, C, H, W] or [N, H, W], got ";
  CHECK(refusal(saved(at::zeros({5}))) == need + "float [5]");
  CHECK(refusal(saved(at::zeros({1, 1, 1, 1, 1}))) == need + "float [1, 1, 1, 1, 1]");
  CHECK(refusal(saved(at::zeros({2, 1, 2, 2}, at::kInt))) == need + "int [2, 1, 2, 2]");
  CHECK(refusal(saved(at::zeros({2, 1, 2, 2}, at::kBool))) == need + "bool [2, 1, 2, 2]");
}

TEST_CASE("labels that are no whole numbers are refused with their type and shape") {
  const temporary_folder folder;
  for (const at::Tensor& labels : {at::zeros({3}), at::zeros({3, 1}, at::kLong), at::zeros({3}, at::kBool)}) {
    write_tensor(folder / "labels.pt", labels);
    CHECK(contains(message_of<std::runtime_error>([&] { static_cast<void>(read_labels(folder / "labels.pt")); }),
                   "labels must be whole numbers [N], got "));
  }
}

TEST_CASE("a file that holds no tensor says what it holds") {
  CHECK(refusal(saved(c10::IValue(3))) == ": holds a Int; save one tensor with torch.save");
  CHECK(refusal(saved(c10::IValue(std::vector<at::Tensor>{some_images()}))) ==
        ": holds a GenericList; save one tensor with torch.save");
  const temporary_folder folder;
  pixel_model(0).save((folder / "model.pt").string());
  CHECK(refusal(read_whole(folder / "model.pt")) == ": cut short or damaged; save one tensor with torch.save");
}

TEST_CASE("a saved tensor that is cut short anywhere is refused") {
  const std::string whole = saved(some_images());
  CHECK(contains(refusal(whole.substr(0, 3)), "no IDX file"));
  for (std::size_t length = 4; length < whole.size(); length += 37) {
    CAPTURE(length);
    CHECK(refusal(whole.substr(0, length)) == ": cut short or damaged; save one tensor with torch.save");
  }
  CHECK(contains(refusal(whole.substr(0, whole.size() - 1)), "cut short or damaged"));
}

TEST_CASE("a saved tensor with a wrong byte anywhere is read or refused by name, never worse") {
  const temporary_folder folder;
  const std::string path = (folder / "data").string();
  const std::string whole = saved(some_images());
  for (std::size_t place = 0; place < whole.size(); place += 3) {
    CAPTURE(place);
    std::string damaged = whole;
    damaged[place] = static_cast<char>(~damaged[place]);
    write_whole(path, damaged);
    try {
      static_cast<void>(read_images(path));
    } catch (const std::runtime_error& error) {
      CHECK_MESSAGE(contains(error.what(), path), error.what());
      CHECK_MESSAGE(std::string(error.what()).find('\n') == std::string::npos, error.what());
    }
  }
}

TEST_CASE("a file or folder that is not there, or an empty folder, is named") {
  const temporary_folder folder;
  const auto refused = [](const fs::path& path) {
    return message_of<std::runtime_error>([&] { static_cast<void>(read_images(path)); });
  };
  CHECK(refused(folder / "none") == (folder / "none").string() + ": no such file");
  CHECK(refused(folder / "") == (folder / "").string() + ": a folder without .pt files");
}

TEST_CASE("the four files of a data set are found under their names, gzipped or not") {
  const temporary_folder folder;
  const at::Tensor images = some_images();
  const at::Tensor labels = at::arange(3, at::kLong);
  write_whole(folder / "train-images-idx3-ubyte", idx_bytes(images.squeeze(1)));
  write_whole(folder / "train-labels-idx1-ubyte.gz", gzipped(idx_bytes(labels)));
  write_whole(folder / "t10k-images-idx3-ubyte.gz", gzipped(idx_bytes(images.squeeze(1))));
  CHECK(at::equal(read_training_set(folder / "").images, images));
  CHECK(at::equal(read_training_set(folder / "").labels, labels));
  CHECK(message_of<std::runtime_error>([&] { static_cast<void>(read_test_set(folder / "")); }) ==
        (folder / "t10k-labels-idx1-ubyte").string() +
            ": no such file, with or without .gz; --data is the folder of the data set's four files");
}

TEST_CASE("a tensor that was written is read back bitwise, whatever its layout") {
  const temporary_folder folder;
  const at::Tensor rows = at::rand({4, 3, 5, 2});
  for (const at::Tensor& tensor : {rows, rows.transpose(1, 2), rows.contiguous(at::MemoryFormat::ChannelsLast),
                                   rows.narrow(0, 1, 2), rows.to(at::kDouble), rows.mul(255).to(at::kByte)}) {
    write_tensor(folder / "tensor.pt", tensor);
    const at::Tensor read = read_images(folder / "tensor.pt");
    CHECK((read.scalar_type() == tensor.scalar_type()));
    CHECK(at::equal(read, tensor));
  }
  CHECK(folder.entries() == 1);
}

TEST_CASE("a tensor that cannot be written leaves nothing") {
  const temporary_folder folder;
  write_whole(folder / "file", "x");
  const auto refused = [&](const char* name) {
    return message_of<std::runtime_error>([&] { write_tensor(folder / name, some_images()); });
  };
  CHECK(contains(refused("none/tensor.pt"), "there is no folder"));
  CHECK(contains(refused("file/tensor.pt"), "Not a directory"));
  CHECK(folder.entries() == 1);
}

namespace {

/// Five images in shards of two, one and two, and their labels in one file.
class shard_folder {
 public:
  shard_folder() {
    fs::create_directory(folder_ / "images");
    for (const auto& [name, first, count] : {std::tuple{"a", 0, 2}, {"b", 2, 1}, {"c", 3, 2}}) {
      write_tensor(shard(name), images.narrow(0, first, count));
    }
    write_tensor(folder_ / "labels.pt", labels);
  }
  [[nodiscard]] fs::path shard(const std::string& name) const { return folder_ / "images" / (name + ".pt"); }
  [[nodiscard]] sample_source source(std::int64_t limit = 0) const {
    return {folder_ / "images", folder_ / "labels.pt", limit};
  }
  [[nodiscard]] std::string refusal() const {
    return message_of<std::runtime_error>([&] { static_cast<void>(source()); });
  }
  /// Changes a byte among the values of a shard, whose shape stays as it was.
  void damage(const std::string& name) const {
    std::string bytes = read_whole(shard(name));
    const std::string values{'\x3c', '\x50'};  // 60, 80: values of every image
    const std::size_t place = bytes.find(values);
    REQUIRE(place != std::string::npos);
    bytes[place] = '\x7f';
    write_whole(shard(name), bytes);
  }

  const at::Tensor images = at::arange(4, at::kByte).mul(20).add(20).expand({5, 4}).reshape({5, 1, 2, 2});
  const at::Tensor labels = at::arange(5, at::kLong);

 private:
  temporary_folder folder_;
};

}  // namespace

TEST_CASE("a folder's samples come shard by shard, and row numbers go on over them") {
  const shard_folder folder;
  const sample_source source = folder.source();
  CHECK(source.count() == 5);
  CHECK(source.divided());
  REQUIRE(source.pieces() == 3);
  const std::int64_t first[] = {0, 2, 3};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(source.first_row(i) == first[i]);
    const samples piece = source.read(i);
    CHECK((piece.images.scalar_type() == at::kFloat));
    CHECK(at::equal(piece.images, folder.images.narrow(0, first[i], piece.count()).to(at::kFloat).div(255)));
    CHECK(at::equal(piece.labels, folder.labels.narrow(0, first[i], piece.count())));
  }
  CHECK(source.file(1).filename() == "b.pt");
}

TEST_CASE("shards are read one at a time, when they are asked for") {
  const shard_folder folder;
  folder.damage("b");
  const sample_source source = folder.source();  // shapes alone
  CHECK(source.read(0).count() == 2);
  CHECK(
      contains(message_of<std::runtime_error>([&] { static_cast<void>(source.read(1)); }), folder.shard("b").string()));
  CHECK(source.read(2).count() == 2);
  CHECK(folder.source(2).pieces() == 1);  // never comes to the damaged one
}

TEST_CASE("a limit ends within a shard, at its end, or beyond all") {
  const shard_folder folder;
  const auto counts = [&](std::int64_t limit) {
    const sample_source source = folder.source(limit);
    std::vector<std::int64_t> found;
    for (std::size_t i = 0; i < source.pieces(); ++i) {
      found.push_back(source.read(i).count());
    }
    return found;
  };
  CHECK(counts(1) == std::vector<std::int64_t>{1});
  CHECK(counts(2) == std::vector<std::int64_t>{2});
  CHECK(counts(4) == std::vector<std::int64_t>{2, 1, 1});
  CHECK(counts(99) == std::vector<std::int64_t>{2, 1, 2});
}

TEST_CASE("shards that do not fit together or to the labels are refused before any is read") {
  const shard_folder folder;
  const std::string whole = read_whole(folder.shard("c"));
  folder.damage("a");  // reading it would fail in another way
  write_tensor(folder.shard("c"), folder.images.narrow(0, 0, 1));
  CHECK(contains(folder.refusal(), "holds 4 images"));
  write_tensor(folder.shard("c"), at::zeros({2, 1, 2, 3}, at::kByte));
  CHECK(contains(folder.refusal(), "c.pt: unsigned char [2, 1, 2, 3] does not join to unsigned char [2, 1, 2, 2]"));
  write_whole(folder.shard("c"), saved(at::IValue{3}));
  CHECK(contains(folder.refusal(), "c.pt: holds a Int"));
  write_whole(folder.shard("c"), whole.substr(0, whole.size() / 2));
  CHECK(contains(folder.refusal(), "c.pt: cut short or damaged"));
  write_whole(folder.shard("c"), "");
  CHECK(contains(folder.refusal(), "c.pt"));
}

TEST_CASE("a file is one piece, with the same samples") {
  const temporary_folder folder;
  write_tensor(folder / "images.pt", some_images());
  write_tensor(folder / "labels.pt", at::arange(3, at::kLong));
  const sample_source source{folder / "images.pt", folder / "labels.pt", 2};
  CHECK_FALSE(source.divided());
  CHECK(source.count() == 2);
  REQUIRE(source.pieces() == 1);
  CHECK(at::equal(source.read(0).images, some_images().narrow(0, 0, 2).to(at::kFloat).div(255)));
}
