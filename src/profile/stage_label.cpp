#include "profile/stage_label.hpp"

namespace brainmt::profile {
namespace {

thread_local const char* innermost = nullptr;
thread_local bool backward = false;

}  // namespace

StageLabel::StageLabel(const char* label) : outer_(innermost) { innermost = label; }

StageLabel::~StageLabel() { innermost = outer_; }

const char* StageLabel::label() { return innermost; }

BackwardPass::BackwardPass() : outer_(backward) { backward = true; }

BackwardPass::~BackwardPass() { backward = outer_; }

std::string stage_text() {
  if (innermost == nullptr) return "tensors";
  return backward ? std::string(innermost) + ", backward" : innermost;
}

}  // namespace brainmt::profile
