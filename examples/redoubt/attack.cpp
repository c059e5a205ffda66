#include "attack_flags.hpp"
#include "attack_list.hpp"
#include "command.hpp"
#include "files.hpp"
#include "interrupt.hpp"
#include "progress.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <redoubt/core/rows.hpp>
#include <redoubt/evaluate/predict.hpp>
#include <sstream>

namespace redoubt::program {
namespace {

namespace fs = std::filesystem;

struct settings {
  std::string model;
  std::string out;
  attack_settings attack;
  input_settings input;
};

/// Where the adversarial examples go: one file for all, or for images in a folder's files a folder of as many.
class destination {
 public:
  destination(const fs::path& out, const sample_source& data) : out_{out}, data_{data} {
    if (data.divided() && out.extension() != ".pt") {
      folder_.emplace(out);
    } else {
      require_writable(out);
    }
  }

  /// The examples of the next piece.
  void add(std::size_t piece, const at::Tensor& examples) {
    if (folder_) {
      write_tensor(folder_->path() / data_.file(piece).filename(), examples);
      return;
    }
    if (!all_.defined()) {
      std::vector<std::int64_t> shape = examples.sizes().vec();
      shape[0] = data_.count();
      all_ = examples.new_empty(shape, at::Device{at::kCPU});
    }
    all_.narrow(0, data_.first_row(piece), examples.size(0)).copy_(examples);
  }

  void commit() {
    if (folder_) {
      folder_->commit();
    } else {
      write_tensor(out_, all_);
    }
  }

 private:
  fs::path out_;
  const sample_source& data_;
  std::optional<staged_folder> folder_;
  at::Tensor all_;
};

/// How many samples the model gave their label, before and after.
struct tally {
  std::int64_t before = 0;
  std::int64_t after = 0;
};

nlohmann::json as_json(const settings& chosen, std::int64_t count, const tally& right) {
  const auto share = [&](std::int64_t part) { return static_cast<double>(part) / static_cast<double>(count); };
  nlohmann::json json = chosen.attack.to_json();
  json["options"].update(chosen.input.normalisation());
  json.update({{"n", count}, {"out", chosen.out}, {"device", chosen.input.device}});
  if (chosen.attack.targeted) {
    json.update({{"targeted", true}, {"reached_before", share(right.before)}, {"reached", share(right.after)}});
  } else {
    json.update({{"clean_accuracy", share(right.before)}, {"adversarial_accuracy", share(right.after)}});
  }
  return json;
}

std::string as_prose(const settings& chosen, std::int64_t count, const tally& right) {
  const auto percent = [&](std::int64_t part) { return 100 * static_cast<double>(part) / static_cast<double>(count); };
  std::ostringstream prose;
  prose << "wrote " << count << " adversarial examples to " << chosen.out
        << (chosen.attack.targeted ? "; taken for their targets: " : "; accuracy ") << percent(right.before) << " % -> "
        << percent(right.after) << " %\n";
  return prose.str();
}

outcome attack(const settings& chosen) {
  attack_settings unhurried = chosen.attack;
  unhurried.unhurried = true;
  const any_attack attack = attack_of(unhurried);
  subject model = chosen.input.load(chosen.model);
  const at::Device place = chosen.input.resolved_device();
  const sample_source data{chosen.input.images, chosen.input.labels, chosen.input.limit};
  destination out{chosen.out, data};
  const interrupt_watch watch;
  model.before_each_call([] {
    if (interrupted()) {
      stop_interrupted("nothing was written");
    }
  });

  progress bar{"attacking", static_cast<double>(data.count()), "images"};
  const classifier_view view = [&](const at::Tensor& x) { return model(x); };
  const auto right_in = [&](const at::Tensor& x, const at::Tensor& y) {
    return judge(view, x, y).correct.sum().item<std::int64_t>();
  };
  tally right;
  for (std::size_t piece = 0; piece < data.pieces(); ++piece) {
    const samples all = data.read(piece);
    at::Tensor examples = all.images.new_empty(all.images.sizes());
    for (std::int64_t first = 0; first < all.count(); first += chosen.input.batch) {
      const std::int64_t count = std::min(chosen.input.batch, all.count() - first);
      const at::Tensor x = all.images.narrow(0, first, count).to(place);
      const at::Tensor y = all.labels.narrow(0, first, count).to(place);
      const at::Tensor found = attack(model, x, y, row_numbers(count, y).add_(data.first_row(piece) + first));
      right.before += right_in(x, y);
      right.after += right_in(found, y);
      examples.narrow(0, first, count).copy_(found);
      bar.update(static_cast<double>(data.first_row(piece) + first + count));
    }
    out.add(piece, examples);
  }
  out.commit();
  return {.report = as_json(chosen, data.count(), right), .prose = as_prose(chosen, data.count(), right)};
}

}  // namespace

command make_attack(CLI::App& root) {
  const auto chosen = std::make_shared<settings>();
  CLI::App* flags = root.add_subcommand("attack", "make adversarial examples of images and save them");
  flags->add_option("--model", chosen->model, "TorchScript file")->required();
  add_input_flags(*flags, chosen->input);
  add_attack_flags(*flags, chosen->attack);
  flags->add_flag("--targeted", chosen->attack.targeted, "the labels are those to reach, not to leave");
  flags
      ->add_option("--out", chosen->out,
                   "where to write them: NAME.pt, a tensor that torch.load reads; for images in a folder of .pt files "
                   "another name is a new folder of as many files")
      ->required();
  return {flags, [chosen] { return attack(*chosen); }};
}

}  // namespace redoubt::program
