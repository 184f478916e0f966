// How the numbers of a sweep are shown to readers.
#include "sweep/results.hpp"

#include <gtest/gtest.h>

namespace brainmt::sweep {
namespace {

TEST(ShownNumbers, ThreeDecimalsWhereTheySayEnough) {
  EXPECT_EQ(shown(0.6757), "0.676");
  EXPECT_EQ(shown(-0.61), "-0.610");
  EXPECT_EQ(shown(0), "0.000");
  EXPECT_EQ(shown(0.0012345), "0.001");
  EXPECT_EQ(shown(0.000123456), "0.0001235");
  EXPECT_EQ(shown(9.05), "9.050");
  EXPECT_EQ(shown(129.5753), "129.6");
}

TEST(ShownNumbers, WhatIsNotDefinedIsNoNumber) {
  EXPECT_EQ(shown(kNotDefined), "n/a");
  EXPECT_EQ(shown_p(kNotDefined), "n/a");
  EXPECT_EQ(shown_p(0.00099), "0.00099");
  EXPECT_EQ(shown_interval({.value = 0.5, .low = 0.4, .high = 0.6}), "[0.400, 0.600]");
  EXPECT_EQ(shown_interval({.value = 0.5, .low = kNotDefined, .high = 0.6}), "n/a");
  EXPECT_EQ(shown(CellResult{}.estimate.value), "n/a") << "a cell without runs";
}

}  // namespace
}  // namespace brainmt::sweep
