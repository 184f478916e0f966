// Choosing among candidates, remembering and sharing the choices, and the cache of plans.
#include "cuda/choices.hpp"

#include <gtest/gtest.h>

#include "base/plan_cache.hpp"

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
  adopt_choices({{"choose adopted", 7}});
  Context timed;
  timed.selection = Selection::kTimed;  // a known choice needs no timing
  EXPECT_EQ(detail::choose(timed, "choose adopted", candidates({0, 4, 7}, runs)), 2u);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(detail::known_choice("choose adopted"), 7);
  EXPECT_EQ(detail::known_choice("choose never seen"), std::nullopt);
  adopt_choices({{"choose other", 1}});
  EXPECT_EQ(choices(), (Choices{{"choose other", 1}})) << "what was known before is gone";
}

TEST(Choose, ChoosesAgainWhenTheKnownOneDoesNotExistHere) {
  int runs = 0;
  adopt_choices({{"choose vanished", 9}});
  EXPECT_EQ(detail::choose(Context{}, "choose vanished", candidates({1, 2}, runs)), 0u);
  EXPECT_EQ(choices().at("choose vanished"), 1);
}

TEST(PlanCache, MakesEachPlanOnceAndStaysBounded) {
  PlanCache<int> cache;
  int made = 0;
  const auto make = [&made] { return ++made; };
  EXPECT_EQ(cache.get({1, 2}, make), 1);
  EXPECT_EQ(cache.get({1, 3}, make), 2);
  EXPECT_EQ(cache.get({1, 2}, make), 1);
  for (std::int64_t i = 0; i < 2000; ++i) cache.get({2, i}, make);
  EXPECT_LE(cache.size(), PlanCache<int>::kMaxPlans);
}

TEST(PlanCache, DropsPlansOfChoicesThatWereReplaced) {
  PlanCache<int> cache;
  int made = 0;
  const auto make = [&made] { return ++made; };
  EXPECT_EQ(cache.get({1}, make, detail::adoptions()), 1);
  EXPECT_EQ(cache.get({2}, make, detail::adoptions()), 2);
  adopt_choices(choices());
  EXPECT_EQ(cache.get({1}, make, detail::adoptions()), 3);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.get({1}, make, detail::adoptions()), 3);
}

TEST(Settled, NothingIsTimedUntilChoicesAreAdopted) {
  int runs = 0;
  Context timed;
  timed.selection = Selection::kTimed;
  adopt_choices({{"settled known", 5}});
  EXPECT_TRUE(detail::times(timed));
  EXPECT_FALSE(detail::times(Context{}));
  settle_choices();
  EXPECT_FALSE(detail::times(timed));
  EXPECT_EQ(detail::choose(timed, "settled unknown", candidates({3, 5}, runs)), 0u);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(detail::choose(timed, "settled known", candidates({3, 5}, runs)), 1u);
  adopt_choices({});
  EXPECT_TRUE(detail::times(timed));
}

}  // namespace
}  // namespace brainmt::cuda
