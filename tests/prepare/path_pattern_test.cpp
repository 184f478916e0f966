// Paths with placeholders for the participant and the run: every reading is found, and none that is not one.
#include "prepare/path_pattern.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/expect_error.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using Readings = std::vector<PathPattern::Reading>;

TEST(PathPattern, ReadsSubjectAndRun) {
  const PathPattern pattern("{subject}/{run}/{subject}_{run}.nii");
  EXPECT_EQ(pattern.readings("s1/rest/s1_rest.nii"), (Readings{{"s1", "rest"}}));
  EXPECT_TRUE(pattern.readings("s1/rest/s2_rest.nii").empty());
  EXPECT_TRUE(pattern.readings("s1/rest/s1_task.nii").empty());
  EXPECT_TRUE(pattern.readings("s1/rest/s1_rest.nii.gz").empty());
  EXPECT_TRUE(pattern.readings("/rest/_rest.nii").empty());  // an empty subject is none
}

TEST(PathPattern, PlaceholdersInSeparateFolders) {
  EXPECT_TRUE(PathPattern("{subject}.nii").readings("a/b.nii").empty());
  EXPECT_EQ(PathPattern("a/{subject}.nii").readings("a/b.nii"), (Readings{{"b", ""}}));
}

TEST(PathPattern, FindsAllReadings) {
  const PathPattern pattern("{subject}_{run}.nii");
  EXPECT_EQ(pattern.readings("a_b_c.nii"), (Readings{{"a", "b_c"}, {"a_b", "c"}}));
  // The repetition decides.
  EXPECT_EQ(PathPattern("{subject}/{subject}_{run}.nii").readings("a_b/a_b_c.nii"), (Readings{{"a_b", "c"}}));
  // Longer subjects leave shorter runs: several lengths divide, one fits.
  EXPECT_EQ(PathPattern("{subject}{run}/{run}.nii").readings("aabb/bb.nii"), (Readings{{"aa", "bb"}}));
}

TEST(PathPattern, Levels) {
  const PathPattern pattern("derived/sub-{subject}/x{run}y/bold.nii");
  ASSERT_EQ(pattern.levels(), 4u);
  EXPECT_FALSE(pattern.is_open(0));
  EXPECT_EQ(pattern.text(0), "derived");
  EXPECT_TRUE(pattern.is_open(1));
  EXPECT_TRUE(pattern.may_be(1, "sub-1"));
  EXPECT_FALSE(pattern.may_be(1, "sub-"));
  EXPECT_FALSE(pattern.may_be(2, "xy"));
  EXPECT_FALSE(pattern.may_be(2, "x1z"));
  EXPECT_TRUE(pattern.may_be(3, "bold.nii"));
}

TEST(PathPattern, RefusesWhatCannotWork) {
  expect_error<UsageError>([] { PathPattern("bold.nii"); }, {"has no {subject}"});
  expect_error<UsageError>([] { PathPattern("{run}.nii"); }, {"has no {subject}"});
  expect_error<UsageError>([] { PathPattern("{subject}_{ses}.nii"); }, {"expected {subject} or {run}", "'{ses}'"});
  expect_error<UsageError>([] { PathPattern("{subject.nii"); }, {"'{subject.nii'"});
  for (const char* text : {"../{subject}.nii", "/data/{subject}.nii", "a//{subject}.nii", "{subject}/", "./{subject}",
                           "~/{subject}.nii"}) {
    expect_error<UsageError>([&] { PathPattern{text}; }, {"a path below input"});
  }
}

}  // namespace
}  // namespace brainmt::prepare
