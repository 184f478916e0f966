#pragma once
// Prefetches windows of a cohort on a thread: takes requests in order, reads and verifies each, and unpacks it into a
// dense float window [T, Y, X, Z] or leaves it packed for unpacking on a device. At most `depth` finished windows are
// queued. Results do not depend on timing.
//
// How bytes are read, and whether checksums are compared, are the cohort's settings. In collective mode the constructor
// is collective and the threads of all ranks read in common rounds: ranks may ask for different numbers of windows, but
// when one fails, or its loader is destroyed early, the loaders of all ranks end; the next() of those that had windows
// to come throws the same error, or a CommError when a rank left without one. No rank waits for another's next().
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "io/cohort.hpp"

namespace brainmt::io {

struct WindowRequest {
  std::size_t scan = 0;
  std::uint64_t first_frame = 0, frames = 0;
};

struct Window {
  WindowRequest request;
  std::vector<float> values;                 // dense: [frames, Y, X, Z]
  std::pmr::vector<std::uint16_t> packed{};  // packed: float16 bits [frames, voxels of the scan's mask]
};

class WindowLoader {
 public:
  /// Called on the loader's thread, in order, until it returns nothing.
  using Source = std::function<std::optional<WindowRequest>()>;
  /// Makes a window's values of its request, on the loader's thread.
  using Make = std::function<void(const WindowRequest&, std::vector<float>& values)>;

  /// Starts reading at once. `cohort` outlives the loader. With `packed` windows are packed, and lie in this memory: it
  /// outlives them and is asked from the loader's thread too. While all are recycled and of equal length, it is asked
  /// for `depth` + 2 windows at most (those that wait, one being read, one at the caller's), each as large as the
  /// largest mask needs, and never again.
  WindowLoader(const Cohort& cohort, Source source, std::size_t depth, std::pmr::memory_resource* packed = nullptr);
  /// Windows that `make` makes, of parcels for instance.
  WindowLoader(const Cohort& cohort, Source source, std::size_t depth, Make make);
  /// The same for a list.
  WindowLoader(const Cohort& cohort, std::vector<WindowRequest> requests, std::size_t depth);
  /// Stops after the window being read.
  ~WindowLoader();
  WindowLoader(const WindowLoader&) = delete;
  WindowLoader& operator=(const WindowLoader&) = delete;

  /// The next window in order, or nothing after the last. An error of the loader's thread is thrown here, after the
  /// windows before it, and again by every later call.
  std::optional<Window> next();
  /// The same window if it is there already; nothing when it is still being read, failed, or does not exist.
  std::optional<Window> next_if_ready();
  /// Gives the buffer of a used window back, so that the next one needs no new memory.
  void recycle(Window window);

  /// Seconds that next() has waited: read time not hidden by compute.
  std::chrono::duration<double> waited() const { return waited_; }
  /// CPU time of the loader's thread for the windows read so far: reading, checksums, unpacking.
  double cpu_seconds() const { return cpu_seconds_; }

 private:
  WindowLoader(const Cohort& cohort, Source source, std::size_t depth, std::pmr::memory_resource* packed, Make make);
  void run();
  void read_all();
  bool pause(std::chrono::microseconds longest, bool for_room);
  Window load(const WindowRequest& request);
  Window spare();
  Window take_first(std::unique_lock<std::mutex> lock);

  const Cohort& cohort_;
  const Source source_;
  const Make make_;  // null: frames of voxels
  const std::size_t depth_;
  std::pmr::memory_resource* const packed_memory_;  // null: windows are dense
  const std::unique_ptr<FrameReader> reader_;
  std::pmr::vector<std::uint16_t> packed_;  // of the loader's thread, where windows are dense
  std::chrono::duration<double> waited_{0};
  std::atomic<double> cpu_seconds_ = 0;  // set by the loader's thread

  std::mutex mutex_;  // guards everything below
  std::condition_variable finished_one_, took_one_;
  std::deque<Window> ready_;
  std::vector<Window> spare_;
  std::exception_ptr failure_;
  bool ended_ = false, stop_ = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace brainmt::io
