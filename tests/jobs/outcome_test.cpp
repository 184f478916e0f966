#include "jobs/outcome.hpp"

#include <gtest/gtest.h>

namespace brainmt::jobs {
namespace {

TEST(Outcome, ComesBackAsItWasWritten) {
  const Outcome before{State::kFailed, "ab12", "node7 123_4", 3, 3, "cohort.h5: \"gone\"", 120, 1};
  const auto after = parse_outcome(to_json(before));
  ASSERT_TRUE(after);
  EXPECT_EQ(to_json(*after), to_json(before));
}

TEST(Outcome, OfAnotherFileIsNone) {
  for (const char* text : {"", "{}", "[1]", "{\"state\": \"odd\"}", "half a rec"}) EXPECT_FALSE(parse_outcome(text));
}

TEST(Outcome, FollowsTheExitCode) {
  const Outcome started{.state = State::kRunning, .task = "t", .attempts = 1};
  EXPECT_EQ(ended(started, 0, "", 10).state, State::kDone);
  EXPECT_EQ(ended(started, 75, "", 10).state, State::kInterrupted);
  const Outcome failed = ended(started, 3, "no such cohort", 0);
  EXPECT_EQ(failed.state, State::kFailed);
  EXPECT_EQ(failed.error, "no such cohort");
}

TEST(Outcome, GivesUpAfterTwoRestartsWithoutProgress) {
  Outcome o = ended({.state = State::kRunning}, 75, "", 10);
  o = ended(o, 75, "", 10);
  EXPECT_EQ(o.state, State::kInterrupted);
  o = ended(o, 75, "", 10);
  EXPECT_EQ(o.state, State::kInterrupted);
  EXPECT_EQ(ended(o, 75, "", 11).no_progress, 0);  // one more step: all is well again
  o = ended(o, 75, "", 10);
  EXPECT_EQ(o.state, State::kFailed);
  EXPECT_NE(o.error.find("without a further step"), std::string::npos);
}

TEST(Outcome, OnlyWhatIsNotDoneAndNotAliveRunsAgain) {
  for (const State state : {State::kMissing, State::kRunning, State::kInterrupted, State::kFailed}) {
    EXPECT_TRUE(needs_run({.state = state}, /*alive=*/false));
    EXPECT_FALSE(needs_run({.state = state}, /*alive=*/true));
  }
  EXPECT_FALSE(needs_run({.state = State::kDone}, false));
}

}  // namespace
}  // namespace brainmt::jobs
