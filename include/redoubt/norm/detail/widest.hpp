#pragma once

namespace redoubt::detail {

/// Runs `work`, compiled with all that it calls for the widest registers that the machine has.
///
/// As the compiler's flags say where the loader cannot choose: programs crash at start under g++'s thread sanitizer,
/// and clang 14 knows no clones of templates. Nor under the address sanitizer, where three copies of it all,
/// instrumented, take minutes to compile.
template <class Work>
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
__attribute__((flatten, target_clones("avx512f", "avx2", "default")))
#endif
void with_widest_registers(Work work) {  // by value: what it holds cannot change by what it writes, and stays in registers
  work();
}

}  // namespace redoubt::detail
