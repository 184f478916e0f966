#include "base/nearest.hpp"

#include <gtest/gtest.h>

namespace brainmt {
namespace {

TEST(EditDistance, CountsTheFewestTypingErrors) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("", "ab"), 2u);
  EXPECT_EQ(edit_distance("train", "train"), 0u);
  EXPECT_EQ(edit_distance("trian", "train"), 1u);  // swapped neighbours
  EXPECT_EQ(edit_distance("tain", "train"), 1u);   // left out
  EXPECT_EQ(edit_distance("trainn", "train"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), edit_distance("sitting", "kitten"));
}

TEST(NearestName, PrefersTheClosestAndGivesUpOnStrangers) {
  const std::vector<std::string> known{"optimizer.lr", "optimizer.eps", "run.dir", "run.epochs"};
  EXPECT_EQ(nearest_name("optimizer.lrr", known), "optimizer.lr");
  EXPECT_EQ(nearest_name("optimiser.eps", known), "optimizer.eps");
  EXPECT_EQ(nearest_name("lr", known), "optimizer.lr");  // without its section
  EXPECT_EQ(nearest_name("epoch", known), "run.epochs");
  EXPECT_EQ(nearest_name("qqqqqqqqqqqq", known), "");
  EXPECT_EQ(nearest_name("anything", {}), "");
}

}  // namespace
}  // namespace brainmt
