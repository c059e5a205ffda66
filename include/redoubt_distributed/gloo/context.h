#pragma once

// LibTorch's ProcessGroupGloo.hpp includes headers of gloo, which its wheel is linked with but does not ship. These
// stand in for them, and declare just what that header names: it holds gloo's objects by pointer alone, makes and uses
// them inside LibTorch, and so needs no more of them to be compiled. Nothing here may be instantiated.

#include <chrono>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
