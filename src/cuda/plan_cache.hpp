#pragma once
// Plans of one kind by shape: what a library needs to run an operation without asking again. A plan depends on shapes,
// types and flags only, so a steady training step makes none.
#include <array>
#include <cstdint>
#include <map>
#include <utility>

namespace brainmt::cuda::detail {

/// Everything that a plan depends on. Unused places stay zero.
using PlanKey = std::array<std::int64_t, 20>;

/// How often choices were adopted (choices.hpp): a plan holds the algorithm that was known when it was made.
std::int64_t adoptions();

/// One thread's plans. Bounded: a program that keeps changing shapes starts over now and then.
template <class Plan>
class PlanCache {
 public:
  /// The plan of `key`, made by `make()` on first use. The reference holds until the next call.
  template <class Make>
  const Plan& get(const PlanKey& key, Make&& make) {
    if (const std::int64_t now = adoptions(); now != made_after_) {
      plans_.clear();
      made_after_ = now;
    }
    if (const auto found = plans_.find(key); found != plans_.end()) return found->second;
    if (plans_.size() == kMaxPlans) plans_.clear();
    return plans_.emplace(key, make()).first->second;
  }
  std::size_t size() const { return plans_.size(); }

  static constexpr std::size_t kMaxPlans = 512;

 private:
  std::map<PlanKey, Plan> plans_;
  std::int64_t made_after_ = 0;
};

}  // namespace brainmt::cuda::detail
