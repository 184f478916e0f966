#pragma once
// Caching allocator on Kokkos memory of the default execution space: freed blocks are kept by size class and reused, so
// a steady training step makes no system allocation. Tracks live and peak bytes.
#include <cstddef>
#include <memory>
#include <vector>

namespace brainmt {

struct PoolStatistics {
  std::size_t live_bytes = 0;    // handed out now; with all that arenas hold
  std::size_t peak_bytes = 0;    // most handed out at once since reset_peak()
  std::size_t held_bytes = 0;    // live plus cached
  std::size_t system_calls = 0;  // allocations that the cache could not satisfy
  std::size_t arena_bytes = 0;   // of live_bytes, what arenas hold
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

/// Memory of work that is launched repeatedly with the same addresses, such as a captured step; not shared with other
/// work between two launches. While an arena is open on a thread, the thread's allocations come from it; a block returns
/// to it when its last reference is destroyed, also later. The same allocations in the same order get the same addresses
/// each time, if all blocks had returned before.
class Arena {
  struct Blocks;

 public:
  enum class Mode {
    kGrow,  // what it lacks it takes from the pool, for good
    kFixed  // what it lacks is an InternalError: under capture the system must not be asked for memory
  };

  Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  /// Free blocks return to the pool now; blocks in use return when their last owner releases them.
  ~Arena();

  /// This thread allocates from the arena until it ends; one inside another takes over for as long.
  class Scope {
   public:
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope();

   private:
    friend class Arena;
    Scope(std::shared_ptr<Blocks> blocks, Mode mode);

    std::shared_ptr<Blocks> blocks_;
    Mode mode_;
    Scope* outer_;
    friend std::shared_ptr<void> allocate(std::size_t bytes);
  };
  [[nodiscard]] Scope open(Mode mode);

  std::size_t bytes() const;
  /// Whether every block is back.
  bool is_whole() const;
  /// What was allocated since the arena was opened last, in order, where it was fixed.
  std::vector<const void*> allocated() const;

 private:
  friend std::shared_ptr<void> allocate(std::size_t bytes);

  std::shared_ptr<Blocks> blocks_;
};

}  // namespace pool

/// Returns when all that was launched on the default execution space instance has ended. Free on the host.
void wait_for_kernels();

/// The CUDA stream of that instance; null on the host.
void* kernel_stream();

}  // namespace brainmt
