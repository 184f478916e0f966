#pragma once
// Label of the model's stage that the calling thread computes, for out-of-memory errors, whose allocator knows bytes
// only. Cheaper than a profile::Region: two stores.
#include <string>

namespace brainmt::profile {

class StageLabel {
 public:
  /// Sets the label until the destructor. `label` has static storage: "attention".
  explicit StageLabel(const char* label);
  StageLabel(const StageLabel&) = delete;
  StageLabel& operator=(const StageLabel&) = delete;
  ~StageLabel();

  /// The innermost label; null outside of all.
  static const char* label();

 private:
  const char* outer_;
};

/// The thread runs a backward pass until the destructor.
class BackwardPass {
 public:
  BackwardPass();
  BackwardPass(const BackwardPass&) = delete;
  BackwardPass& operator=(const BackwardPass&) = delete;
  ~BackwardPass();

 private:
  bool outer_;
};

/// "attention, backward"; "tensors" without a label.
std::string stage_text();

}  // namespace brainmt::profile
