#pragma once
// Time of a preparation by kind of work.
#include <time.h>

#include <array>
#include <chrono>
#include <cstddef>

namespace brainmt::prepare {

/// kRead: inflating, decoding, cropping, resampling. kCollect: statistics and spill. kNormalize: second pass and staged
/// file. kCopy: staged scans into the cohort. kCommit: writing out and naming it, waiting for other ranks included.
enum class Work : std::size_t { kRead, kCollect, kNormalize, kCopy, kCommit };
inline constexpr std::size_t kWorks = 5;

struct StageTimes {
  std::array<double, kWorks> wall{}, cpu{};  // seconds, summed over ranks
  double inflated_bytes = 0;                 // of voxels as they lie in the files, decompressed
};

/// Adds the time between start() and the next start() or stop() to a kind of work. Of this thread.
class Stopwatch {
 public:
  explicit Stopwatch(StageTimes& times) : times_(times) {}
  ~Stopwatch() { stop(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  void start(Work work) {
    const Moment now = read();
    add(now);
    running_ = true;
    work_ = work;
    since_ = now;
  }
  void stop() {
    add(read());
    running_ = false;
  }

 private:
  struct Moment {
    double wall = 0, cpu = 0;
  };
  static Moment read() {
    timespec cpu = {};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    const auto wall = std::chrono::steady_clock::now().time_since_epoch();
    return {std::chrono::duration<double>(wall).count(),
            static_cast<double>(cpu.tv_sec) + 1e-9 * static_cast<double>(cpu.tv_nsec)};
  }
  void add(const Moment& now) {
    if (!running_) return;
    times_.wall[static_cast<std::size_t>(work_)] += now.wall - since_.wall;
    times_.cpu[static_cast<std::size_t>(work_)] += now.cpu - since_.cpu;
  }

  StageTimes& times_;
  bool running_ = false;
  Work work_ = Work::kRead;
  Moment since_;
};

}  // namespace brainmt::prepare
