#pragma once
// Plans of one kind by shape: what a library needs to run an operation without asking again. A plan depends on shapes,
// types and flags only, so a steady training step makes none.
#include <array>
#include <cstdint>
#include <map>

namespace brainmt {

/// Everything that a plan depends on: extents, strides, types, flags. Unused entries stay zero.
using PlanKey = std::array<std::int64_t, 20>;

/// One thread's plans. Bounded: a program that keeps changing shapes starts over now and then.
template <class Plan>
class PlanCache {
 public:
  /// The plan of `key`, made by `make()` on first use. The reference holds until the next call. Plans that were made
  /// under another `generation` are dropped.
  template <class Make>
  const Plan& get(const PlanKey& key, Make&& make, std::int64_t generation = 0) {
    if (generation != generation_) {
      plans_.clear();
      generation_ = generation;
    }
    if (const auto found = plans_.find(key); found != plans_.end()) return found->second;
    if (plans_.size() == kMaxPlans) plans_.clear();
    return plans_.emplace(key, make()).first->second;
  }
  std::size_t size() const { return plans_.size(); }

  static constexpr std::size_t kMaxPlans = 512;

 private:
  std::map<PlanKey, Plan> plans_;
  std::int64_t generation_ = 0;
};

}  // namespace brainmt
