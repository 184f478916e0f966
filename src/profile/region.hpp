#pragma once
// Profiling regions and work counts. A Region names work that is not one Kokkos kernel (a library's GEMM, attention by
// several kernels, a wait). Regions are visible to Kokkos tools; counts go to profile::Recorder. Without a tool a count
// is a load and a branch, a region some tens of nanoseconds.
#include <atomic>

namespace brainmt::profile {

/// Operations (a multiply-add is two) and the least bytes moved: every operand read or written once.
struct Work {
  double flops = 0, bytes = 0;

  Work& operator+=(const Work& other) {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
};

namespace detail {
extern std::atomic<bool> recording;
void add_count(const char* label, Work work);
}  // namespace detail

/// Whether a profile::Recorder listens: stages then wait for each other.
inline bool is_recording() { return detail::recording.load(std::memory_order_relaxed); }

/// Adds work to the stage of `label`, or to that of the outermost region around. Counts once: ignored inside a region
/// that has said its whole work itself.
inline void count(const char* label, Work work) {
  if (detail::recording.load(std::memory_order_relaxed)) detail::add_count(label, work);
}

class Region {
 public:
  explicit Region(const char* label);
  /// `work` is all that happens inside.
  Region(const char* label, Work work);
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

 private:
  bool pushed_;  // a tool that comes in between must not see an end without its beginning
};

}  // namespace brainmt::profile
