#pragma once

#include <memory>
#include <string>

namespace redoubt::program {

/// What `redoubt serve` counts, for Prometheus: KServe's names where it has them, else redoubt_*.
class serve_metrics {
 public:
  explicit serve_metrics(const std::string& model);
  serve_metrics(const serve_metrics&) = delete;
  serve_metrics& operator=(const serve_metrics&) = delete;
  ~serve_metrics();

  /// A request was answered with this status, after reading it, inferring and writing the answer took so many seconds.
  void answered(int status);
  void took(double reading, double inferring, double writing);
  void inferred(double samples);            ///< a batch of so many
  void waits(double samples);               ///< in the queue now
  void swapped(bool done, double version);  ///< a new model file: taken or refused; the version that serves now

  /// All of it in the text form that Prometheus scrapes.
  [[nodiscard]] std::string text() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace redoubt::program
