# redoubt::distributed: training by many processes, over c10d, a part of LibTorch. Installed beside the package's config.

# Sets `out` to "" where redoubt::distributed can be used, else to why it cannot and what to do.
function(redoubt_why_no_distributed out)
  set(${out} "" PARENT_SCOPE)
  get_target_property(root redoubt::torch redoubt_root)
  if(root AND NOT EXISTS "${root}/include/torch/csrc/distributed/c10d/ProcessGroupGloo.hpp")
    set(${out} "redoubt's component distributed needs a LibTorch that was built with c10d and Gloo; that in ${root} \
was not. Name another in REDOUBT_TORCH_ROOT (`pip install torch` brings one)." PARENT_SCOPE)
  endif()
endfunction()

# Makes redoubt::distributed, whose headers lie among redoubt's own; `gloo` holds what stands in for those of gloo.
function(redoubt_make_distributed gloo)
  add_library(redoubt::distributed INTERFACE IMPORTED GLOBAL)
  target_include_directories(redoubt::distributed INTERFACE "${gloo}")
  target_compile_definitions(redoubt::distributed INTERFACE USE_C10D_GLOO)
  target_link_libraries(redoubt::distributed INTERFACE redoubt::redoubt)
endfunction()
