#include "base/progress.hpp"

#include <gtest/gtest.h>

namespace brainmt {
namespace {

TEST(Progress, DurationsReadLikeAClock) {
  EXPECT_EQ(format_duration(-1), "0:00");
  EXPECT_EQ(format_duration(6.2), "0:07");  // never promises less than it takes
  EXPECT_EQ(format_duration(760), "12:40");
  EXPECT_EQ(format_duration(3 * 3600 + 5 * 60 + 9), "3:05:09");
}

TEST(Progress, LineHoldsCountShareRateAndEstimate) {
  EXPECT_EQ(progress_line("steps", 100, 400, 50.0, "loss 0.41"), "steps  100/400  25%  2/s  eta 2:30  loss 0.41");
  EXPECT_EQ(progress_line("steps", 400, 400, 50.0), "steps  400/400  100%  8/s");
  EXPECT_EQ(progress_line("steps", 0, 400, 0.0), "steps  0/400  0%");
  EXPECT_EQ(progress_line("scans", 7, 0, 3.5), "scans  7  2/s");
}

TEST(Progress, BarFillsWithTheShare) {
  EXPECT_EQ(progress_line("scans", 1, 4, 0.0, {}, 8), "scans [##      ]  1/4  25%");
  EXPECT_EQ(progress_line("scans", 5, 4, 0.0, {}, 4), "scans [####]  5/4  125%");
}

}  // namespace
}  // namespace brainmt
