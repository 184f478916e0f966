#pragma once
// Work that is launched once and then put on a device's stream again and again, as a CUDA graph is: who records it, and
// the rules that hold while that goes on. What is recorded are launches with their arguments; what the host computes,
// copies or waits for in between would happen once, with the recorded step's values, and never again. So the host may
// do none of that, and whoever copies or waits asks refuse_while_recording() first.
#include <functional>
#include <memory>
#include <string>

namespace brainmt {

/// Recorded work.
class LaunchRecord {
 public:
  LaunchRecord() = default;
  LaunchRecord(const LaunchRecord&) = delete;
  LaunchRecord& operator=(const LaunchRecord&) = delete;
  /// Also while the work is under way.
  virtual ~LaunchRecord() = default;

  /// Puts all of it on the stream that it was recorded from; the host goes on.
  virtual void replay() = 0;
};

class LaunchRecorder {
 public:
  virtual ~LaunchRecorder() = default;

  /// Calls `work` and keeps what it launches, which does not run yet. Null, with the reason in `refused`, where that
  /// cannot be kept, what `work` threw being such a reason: nothing has run, and it can run as ever. An error of
  /// communication is thrown.
  virtual std::unique_ptr<LaunchRecord> record(std::function<void()> work, std::string& refused) = 0;
};

/// While one lives, work of this thread is being recorded.
class RecordingGuard {
 public:
  RecordingGuard();
  RecordingGuard(const RecordingGuard&) = delete;
  RecordingGuard& operator=(const RecordingGuard&) = delete;
  ~RecordingGuard();
};

/// Throws InternalError that names `what`, a copy or wait of the host's, while work of this thread is being recorded.
void refuse_while_recording(const char* what);

}  // namespace brainmt
