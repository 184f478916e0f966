#pragma once
// Runs one piece of work at a time on a thread. Its exception is kept and thrown by wait().
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
  /// Waits for the work; an error that wait() has not returned is logged.
  ~BackgroundWork();

  /// Starts `work`; earlier work must have been waited for. If no thread can be created, runs it before returning.
  void start(std::function<void()> work);
  /// Waits for the work and returns its exception, or null; once.
  std::optional<Error> wait();
  /// True if the work threw an exception that wait() has not returned yet. Does not block.
  bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

 private:
  void run(const std::function<void()>& work);

  std::future<void> done_;  // invalid: nothing was begun
  std::optional<Error> error_;
  std::atomic<bool> failed_ = false;
};

}  // namespace brainmt::run
