#include "command.hpp"
#include "memory.hpp"
#include "shell.hpp"

#include <iostream>

int main(int argc, char** argv) {
  using namespace redoubt::program;
  keep_freed_memory();
  return run_shell({make_loop, make_train, make_evaluate, make_attack, make_detect, make_gate, make_serve, make_monitor,
                    make_report},
                   argc, argv, std::cout, std::cerr);
}
