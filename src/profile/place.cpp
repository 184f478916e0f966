#include "profile/place.hpp"

namespace brainmt::profile {
namespace {

thread_local const char* innermost = nullptr;
thread_local bool backward = false;

}  // namespace

Place::Place(const char* label) : outer_(innermost) { innermost = label; }

Place::~Place() { innermost = outer_; }

const char* Place::label() { return innermost; }

BackwardPass::BackwardPass() : outer_(backward) { backward = true; }

BackwardPass::~BackwardPass() { backward = outer_; }

std::string place_text() {
  if (innermost == nullptr) return "tensors";
  return backward ? std::string(innermost) + ", backward" : innermost;
}

}  // namespace brainmt::profile
