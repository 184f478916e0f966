#pragma once
// One piece of work at a time beside the caller's. What it throws is kept for wait(), so that an error surfaces where
// the caller can deal with it.
#include <atomic>
#include <functional>
#include <future>
#include <optional>

#include "base/error.hpp"

namespace brainmt::run {

class BackgroundWork {
 public:
  BackgroundWork() = default;
  BackgroundWork(const BackgroundWork&) = delete;
  BackgroundWork& operator=(const BackgroundWork&) = delete;
  /// Waits for the work; an error that nobody asked for is logged.
  ~BackgroundWork();

  /// Begins `work`; what was begun before has been waited for. Where the system gives no thread, the work is done
  /// before start() returns.
  void start(std::function<void()> work);
  /// Returns when the work is done: what it threw, if anything, and only once.
  std::optional<Error> wait();
  /// Did it throw something that wait() has not returned yet? Never waits.
  bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

 private:
  void run(const std::function<void()>& work);

  std::future<void> done_;  // invalid: nothing was begun
  std::optional<Error> error_;
  std::atomic<bool> failed_ = false;
};

}  // namespace brainmt::run
