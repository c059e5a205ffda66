#pragma once

namespace redoubt::program {

/// Lets the allocator keep up to 1 GiB of freed memory, where the C library is glibc.
///
/// By default it gives the network's activations back to the system after each step, and the next step has every page
/// of them zeroed anew: a third of a small network's time. See docs/performance.md.
void keep_freed_memory();

}  // namespace redoubt::program
