#pragma once
// Which part of the model the calling thread computes, for errors that would not know: memory runs out in an allocator
// that sees nothing but bytes. Regions are finer and of interest to profiles; a Place is two stores.
#include <string>

namespace brainmt::profile {

class Place {
 public:
  /// What the thread is in until the destructor. `label`, of static storage, in the words of a report: "attention".
  explicit Place(const char* label);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();

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

/// "attention, backward"; "tensors" where no place was said.
std::string place_text();

}  // namespace brainmt::profile
