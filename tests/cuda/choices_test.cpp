// Choosing among candidates, remembering and sharing the choices, and the cache of plans.
#include "cuda/choices.hpp"

#include <gtest/gtest.h>

#include "cuda/plan_cache.hpp"

namespace brainmt::cuda {
namespace {

using detail::Candidate;

std::vector<Candidate> candidates(const std::vector<int>& positions, int& runs) {
  std::vector<Candidate> made;
  for (const int position : positions)
    made.push_back({position, "engine " + std::to_string(position), [&runs] { ++runs; }});
  return made;
}

TEST(Fastest, PrefersTheLibrarysOrderWithinTheNoise) {
  EXPECT_EQ(detail::fastest({5.0f}), 0u);
  EXPECT_EQ(detail::fastest({1.0f, 0.99f, 1.5f}), 0u);
  EXPECT_EQ(detail::fastest({1.0f, 0.9f, 0.5f, 0.499f}), 2u);
}

TEST(Choose, TakesTheFirstWithoutRunningAnything) {
  int runs = 0;
  EXPECT_EQ(detail::choose(Context{}, "choose first", candidates({4, 7}, runs)), 0u);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(choices().at("choose first"), 4);
}

TEST(Choose, FollowsWhatAnotherProcessChose) {
  int runs = 0;
  import_choices({{"choose imported", 7}});
  Context timed;
  timed.selection = Selection::kTimed;  // a known choice needs no timing
  EXPECT_EQ(detail::choose(timed, "choose imported", candidates({0, 4, 7}, runs)), 2u);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(detail::known_choice("choose imported"), 7);
  EXPECT_EQ(detail::known_choice("choose never seen"), std::nullopt);
}

TEST(Choose, ChoosesAgainWhenTheKnownOneDoesNotExistHere) {
  int runs = 0;
  import_choices({{"choose vanished", 9}});
  EXPECT_EQ(detail::choose(Context{}, "choose vanished", candidates({1, 2}, runs)), 0u);
  EXPECT_EQ(choices().at("choose vanished"), 1);
}

TEST(PlanCache, MakesEachPlanOnceAndStaysBounded) {
  detail::PlanCache<int> cache;
  int made = 0;
  const auto make = [&made] { return ++made; };
  EXPECT_EQ(cache.get({1, 2}, make), 1);
  EXPECT_EQ(cache.get({1, 3}, make), 2);
  EXPECT_EQ(cache.get({1, 2}, make), 1);
  for (std::int64_t i = 0; i < 2000; ++i) cache.get({2, i}, make);
  EXPECT_LE(cache.size(), detail::PlanCache<int>::kMaxPlans);
}

}  // namespace
}  // namespace brainmt::cuda
