#pragma once
// A caching allocator on Kokkos memory of the default execution space: freed blocks are kept by size class and given
// out again, so a steady training step allocates nothing. Counts what is live and the peak.
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace brainmt {

struct PoolStatistics {
  std::size_t live_bytes = 0;    // handed out now; with all that reserves hold
  std::size_t peak_bytes = 0;    // most handed out at once since reset_peak()
  std::size_t held_bytes = 0;    // live plus cached
  std::size_t system_calls = 0;  // allocations that the cache could not serve
};

namespace pool {

/// At least `bytes` bytes, 64-byte aligned (256 on a device), uninitialised; goes back to the cache when the last owner
/// lets go. On a device that may be before the work that uses it is done: memory is given out again in the order of the
/// default execution space instance, and only work on that instance may use it. Where the system has none left, cached
/// blocks are freed and it is asked again; then whoever can give memory back is asked to; then the handler is called,
/// or std::bad_alloc thrown.
std::shared_ptr<void> allocate(std::size_t bytes);
/// Called when memory runs out; returns whether it gave any back to the pool. Null: none. Replaces the one before.
void on_shortage(std::function<bool()> give_back);
/// Called with the bytes that could not be had; throws an error that says more than std::bad_alloc. Null: none.
void on_exhausted(void (*handler)(std::size_t bytes));
PoolStatistics statistics();
void reset_peak();
/// Frees every cached block. Must be called before Kokkos::finalize.
void release_cached();

/// Blocks kept for work that is put on the stream again and again with the same addresses, such as a recorded step:
/// between two runs of it nobody else may have them. While a reserve is open on a thread, what the thread allocates
/// comes from it, and goes back to it whenever its owner lets go. The same allocations in the same order get the same
/// addresses each time, if every block was back before.
class Reserve {
  struct Blocks;

 public:
  enum class Supply {
    kGrows,  // what it lacks it takes from the pool, for good
    kFixed   // what it lacks is an InternalError: while work is recorded, the system must not be asked for memory
  };

  Reserve();
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;
  /// Its blocks go back to the pool, and those that have an owner still when he lets go.
  ~Reserve();

  /// Serves this thread from the reserve until it ends; one inside another takes over for as long.
  class Scope {
   public:
    Scope() = default;  // changes nothing
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope();

   private:
    friend class Reserve;
    Scope(std::shared_ptr<Blocks> blocks, Supply supply);

    std::shared_ptr<Blocks> blocks_;
    Supply supply_ = Supply::kGrows;
    Scope* outer_ = nullptr;
    friend std::shared_ptr<void> allocate(std::size_t bytes);
  };
  [[nodiscard]] Scope open(Supply supply);
  /// The blocks that are back go to the pool.
  void release();

  std::size_t bytes() const;
  /// Whether every block is back.
  bool is_whole() const;
  /// What was given out since the reserve was opened last, in order, where its supply was fixed.
  std::vector<const void*> served() const;

 private:
  friend std::shared_ptr<void> allocate(std::size_t bytes);

  std::shared_ptr<Blocks> blocks_;
};

}  // namespace pool
}  // namespace brainmt
