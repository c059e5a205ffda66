#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace redoubt::program {

/// Predictions that wait for their labels, by request id, in memory and in a file that a restart reads.
///
/// Of so many requests the newest are known; older ones are forgotten, and a label for one of them comes too late. The
/// file only grows by a line a change and is rewritten when it has become twice as long as needed; a line that was cut
/// short by a crash is passed over.
class prediction_journal {
 public:
  /// Reads `file`, where there is one; an empty path keeps nothing. Throws std::runtime_error, naming the file, where
  /// it cannot be read or written.
  prediction_journal(std::filesystem::path file, std::size_t most);

  [[nodiscard]] bool knows(const std::string& id) const { return entries_.contains(id); }
  /// Keeps the predictions of a request that is not known yet.
  void add(const std::string& id, std::vector<std::int64_t> predictions);

  enum class standing { unknown, waiting, labelled };
  [[nodiscard]] standing standing_of(const std::string& id) const;
  /// The predictions of a request that waits for its labels. From now on it does not.
  [[nodiscard]] std::vector<std::int64_t> take(const std::string& id);

  /// Writes what has changed since the last time.
  void flush();
  /// Forgets all: of predictions of another model.
  void clear();

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  void put(const std::string& id, std::vector<std::int64_t> predictions);
  void read_line(const std::string& line);
  void rewrite();

  std::filesystem::path file_;
  std::size_t most_;
  std::unordered_map<std::string, std::vector<std::int64_t>> entries_;  // empty: labelled already
  std::deque<std::string> order_;
  std::string unwritten_;
  std::size_t lines_ = 0;  // in the file
};

}  // namespace redoubt::program
