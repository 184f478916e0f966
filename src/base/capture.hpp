#pragma once
// Stream capture (CUDA graphs): the interface, and the rules for code that runs under capture. What is captured are
// launches with their arguments. What the host computes, copies or waits for meanwhile would happen once, with that
// step's values, and never again: so code under capture does neither, and whatever copies or waits calls
// refuse_while_capturing() first.
#include <functional>
#include <memory>
#include <string>

namespace brainmt {

/// A captured graph.
class CapturedWork {
 public:
  CapturedWork() = default;
  CapturedWork(const CapturedWork&) = delete;
  CapturedWork& operator=(const CapturedWork&) = delete;
  /// Also while the work is running.
  virtual ~CapturedWork() = default;

  /// Enqueues all of it on the stream that it was captured from, and returns at once.
  virtual void launch() = 0;
};

class StreamCapture {
 public:
  virtual ~StreamCapture() = default;

  /// Calls `work` and captures what it launches, which does not run yet. Null, with the reason in `refused`, where that
  /// cannot be captured or `work` threw: nothing has run, and it can run eagerly. An error of communication is thrown.
  virtual std::unique_ptr<CapturedWork> capture(std::function<void()> work, std::string& refused) = 0;
};

/// While one lives, work of this thread is being captured.
class CaptureGuard {
 public:
  CaptureGuard();
  CaptureGuard(const CaptureGuard&) = delete;
  CaptureGuard& operator=(const CaptureGuard&) = delete;
  ~CaptureGuard();
};

/// Throws InternalError that names `what`, a copy or wait of the host, while work of this thread is being captured.
void refuse_while_capturing(const char* what);

}  // namespace brainmt
