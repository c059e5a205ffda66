#pragma once

#include <string>
#include <utility>
#include <vector>

namespace redoubt::program {

/// What a run was made with, name and value: redoubt, LibTorch, the compiler, the CPU, the threads.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> made_with();

}  // namespace redoubt::program
