#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace redoubt::program {

/// How far a training is, as Kubeflow Trainer shows it in a TrainJob's status.
struct training_status {
  int percent = 0;                                           ///< 0..100
  std::optional<std::int64_t> seconds_left = {};             ///< an estimate
  std::vector<std::pair<std::string, double>> metrics = {};  ///< by name

  bool operator==(const training_status&) const = default;
};

/// What is posted of it: {"trainerStatus": {...}}, as the TrainJob's custom resource definition has it.
[[nodiscard]] nlohmann::json to_trainer_status(const training_status& status,
                                               std::chrono::system_clock::time_point when);

/// Where Kubeflow Trainer's controller takes the status, and the files that a pod is given to reach it.
struct status_server {
  std::string url;
  std::string certificate_file = {};  ///< of the authority that signed the server's; empty: the system's
  std::string token_file = {};        ///< read anew for each post, as tokens are renewed; empty: none

  /// From KUBEFLOW_TRAINER_SERVER_URL, _CA_CERT and _TOKEN; nothing where there is no URL.
  [[nodiscard]] static std::optional<status_server> from_environment();
};

/// How a `status_reporter` paces itself.
struct status_pace {
  std::chrono::milliseconds between = std::chrono::seconds{5};  ///< at least, from one post to the next
  std::chrono::milliseconds answer = std::chrono::seconds{4};   ///< that the server may take to connect, and to answer
  std::chrono::milliseconds end = std::chrono::seconds{15};     ///< that `finish` takes at most, all in all
};

/// Posts a training's status from a thread of its own, for as long as the object lives.
///
/// What is told is posted when its turn comes, the newest of it; what fails is said once and tried again with the next.
/// No server, slow, broken or absent, holds the training up or is an error to it.
class status_reporter {
 public:
  /// `say` is called with one line at the first failure, from the reporter's thread.
  explicit status_reporter(status_server server, std::function<void(const std::string&)> say, status_pace pace = {});
  ~status_reporter();
  status_reporter(const status_reporter&) = delete;
  status_reporter& operator=(const status_reporter&) = delete;

  /// Takes note of it: a lock, no more.
  void tell(training_status now);

  /// Posts what is left to post and ends the thread, within the pace's `end`. Nothing is posted after it.
  void finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace redoubt::program
