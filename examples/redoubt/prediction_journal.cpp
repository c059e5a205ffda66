#include "prediction_journal.hpp"

#include "files.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <redoubt/core/error.hpp>
#include <sstream>
#include <utility>

namespace redoubt::program {
namespace {

using nlohmann::json;

// ["id", 3, 5]: predicted. ["id"]: labelled.
std::string line_of(const std::string& id, const std::vector<std::int64_t>& predictions) {
  json line = json::array({id});
  for (const std::int64_t each : predictions) {
    line.push_back(each);
  }
  return line.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';  // an id need not be UTF-8
}

}  // namespace

prediction_journal::prediction_journal(std::filesystem::path file, std::size_t most)
    : file_{std::move(file)}, most_{most} {
  require(most >= 1, "prediction_journal: must keep at least 1 request");
  if (file_.empty()) {
    return;
  }
  if (std::filesystem::exists(file_)) {
    std::istringstream lines{read_whole(file_)};
    for (std::string line; std::getline(lines, line);) {
      read_line(line);
    }
  }
  rewrite();
}

void prediction_journal::read_line(const std::string& line) {
  const json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_array() || parsed.empty() || !parsed.front().is_string()) {
    return;
  }
  std::vector<std::int64_t> predictions;
  for (std::size_t i = 1; i < parsed.size(); ++i) {
    if (!parsed[i].is_number_integer()) {
      return;
    }
    predictions.push_back(parsed[i].get<std::int64_t>());
  }
  put(parsed.front().get<std::string>(), std::move(predictions));
}

void prediction_journal::put(const std::string& id, std::vector<std::int64_t> predictions) {
  const auto [at, is_new] = entries_.insert_or_assign(id, std::move(predictions));
  if (is_new) {
    order_.push_back(at->first);
  }
  while (order_.size() > most_) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
}

void prediction_journal::add(const std::string& id, std::vector<std::int64_t> predictions) {
  unwritten_ += line_of(id, predictions);
  ++lines_;
  put(id, std::move(predictions));
}

prediction_journal::standing prediction_journal::standing_of(const std::string& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? standing::unknown : found->second.empty() ? standing::labelled : standing::waiting;
}

std::vector<std::int64_t> prediction_journal::take(const std::string& id) {
  unwritten_ += line_of(id, {});
  ++lines_;
  return std::exchange(entries_.at(id), {});
}

void prediction_journal::flush() {
  if (file_.empty() || unwritten_.empty()) {
    unwritten_.clear();
    return;
  }
  if (lines_ > 2 * entries_.size() + 1000) {
    return rewrite();
  }
  std::ofstream out{file_, std::ios::app | std::ios::binary};
  out << unwritten_ << std::flush;
  if (!out) {
    fail("cannot write ", file_.string());
  }
  unwritten_.clear();
}

void prediction_journal::clear() {
  entries_.clear();
  order_.clear();
  if (!file_.empty()) {
    rewrite();
  }
}

void prediction_journal::rewrite() {
  std::string all;
  for (const std::string& id : order_) {
    all += line_of(id, entries_.at(id));
  }
  write_whole(file_, all);
  lines_ = order_.size();
  unwritten_.clear();
}

}  // namespace redoubt::program
