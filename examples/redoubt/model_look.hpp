#pragma once

#include "served_model.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace redoubt::program {

/// Looks at a served model's file twice a second, when it is called more often than that, and says what came of it.
class model_look {
 public:
  model_look(served_model& model, std::function<void(const std::string&)> say) : model_{model}, say_{std::move(say)} {}

  served_model::change operator()() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) {
      return served_model::change::none;
    }
    next_ = now + std::chrono::milliseconds{500};
    const served_model::finding found = model_.look();
    const std::string version = std::to_string(model_.current()->version);
    if (found.what == served_model::change::swapped) {
      say_("version " + version + " of " + model_.file().string() + " serves now");
    } else if (found.what == served_model::change::refused) {
      say_("version " + version + " goes on: " + found.why.substr(0, found.why.find('\n')));
    }
    return found.what;
  }

 private:
  served_model& model_;
  std::function<void(const std::string&)> say_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
};

}  // namespace redoubt::program
