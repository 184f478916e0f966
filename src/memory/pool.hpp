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

/// At least `bytes` bytes, 64-byte aligned (256 on a device), uninitialised; goes back to the cache when the last owner
/// lets go. On a device that may be before the work that uses it is done: memory is given out again in the order of the
/// default execution space instance, and only work on that instance may use it. Where the system has none left, cached
/// blocks are freed and it is asked again; then the handler is called, or std::bad_alloc thrown.
std::shared_ptr<void> allocate(std::size_t bytes);
/// Called with the bytes that could not be had; throws an error that says more than std::bad_alloc. Null: none.
void on_exhausted(void (*handler)(std::size_t bytes));
PoolStatistics statistics();
void reset_peak();
/// Frees every cached block. Must be called before Kokkos::finalize.
void release_cached();

}  // namespace pool
}  // namespace brainmt
