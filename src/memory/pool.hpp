#pragma once
// A caching allocator on Kokkos memory of the default execution space: freed blocks are kept by size class and given
// out again, so a steady training step allocates nothing. Counts what is live and the peak.
#include <cstddef>
#include <memory>

namespace brainmt {

struct PoolStatistics {
  std::size_t live_bytes = 0;    // handed out now
  std::size_t peak_bytes = 0;    // most handed out at once since reset_peak()
  std::size_t held_bytes = 0;    // live plus cached
  std::size_t system_calls = 0;  // allocations that the cache could not serve
};

namespace pool {

/// At least `bytes` bytes, 64-byte aligned, uninitialised; goes back to the cache when the last owner lets go.
std::shared_ptr<void> allocate(std::size_t bytes);
PoolStatistics statistics();
void reset_peak();
/// Frees every cached block. Must be called before Kokkos::finalize.
void release_cached();

}  // namespace pool
}  // namespace brainmt
