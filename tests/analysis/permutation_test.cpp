#include "analysis/permutation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace brainmt::analysis {
namespace {

using Texts = std::vector<std::string>;

bool is_permutation(std::vector<std::size_t> values) {
  std::ranges::sort(values);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] != i) return false;
  return true;
}

TEST(BlockPermutation, FamiliesOfEqualSizeSwapAsWholes) {
  const Texts groups{"a", "a", "", "b", "b", "c", "c", "c", ""};
  std::set<std::vector<std::size_t>> seen;
  for (std::uint64_t index = 1; index <= 200; ++index) {
    const auto from = block_permutation(groups, 3, index);
    ASSERT_TRUE(is_permutation(from));
    std::map<std::string, std::set<std::string>> source;
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (!groups[i].empty()) source[groups[i]].insert(groups[from[i]]);
    for (const auto& [family, sources] : source) EXPECT_EQ(sources.size(), 1u) << family;
    EXPECT_EQ(source["c"], std::set<std::string>{"c"});
    seen.insert(from);
  }
  // 2 singles, 2 pairs with 2 orders each, 3! of the three: 2 x 8 x 6.
  EXPECT_GT(seen.size(), 70u);
  EXPECT_LE(seen.size(), 96u);
}

TEST(BlockPermutation, WithoutFamiliesEveryOrderIsPossible) {
  std::set<std::vector<std::size_t>> seen;
  for (std::uint64_t index = 1; index <= 300; ++index) seen.insert(block_permutation(Texts(4), 1, index));
  EXPECT_EQ(seen.size(), 24u);
  EXPECT_EQ(block_permutation(Texts(50), 1, 7), block_permutation(Texts(50), 1, 7));
  EXPECT_NE(block_permutation(Texts(50), 1, 7), block_permutation(Texts(50), 2, 7));
}

TEST(PermutationP, IsSmallForAPerfectModelAndLargeForAConstant) {
  std::vector<Scored> perfect, constant;
  for (int i = 0; i < 40; ++i) {
    perfect.push_back({static_cast<double>(i % 2), i % 2 == 0 ? -1.0 : 1.0});
    constant.push_back({static_cast<double>(i % 2), 1.0});
  }
  const auto task = task::Task::kClassification;
  EXPECT_DOUBLE_EQ(permutation_p({"auroc"}, task, perfect, Texts(40), 99, 1)[0], 0.01);
  EXPECT_DOUBLE_EQ(permutation_p({"auroc"}, task, constant, Texts(40), 99, 1)[0], 1.0);
  EXPECT_TRUE(std::isnan(permutation_p({"auroc"}, task, perfect, Texts(40), 0, 1)[0]));
}

TEST(PermutationP, OfAnErrorSmallIsGood) {
  std::vector<Scored> good;
  for (int i = 0; i < 30; ++i) good.push_back({static_cast<double>(i), i + 0.5});
  const auto p = permutation_p({"mae", "pearson_r"}, task::Task::kRegression, good, Texts(30), 99, 1);
  EXPECT_DOUBLE_EQ(p[0], 0.01);
  EXPECT_DOUBLE_EQ(p[1], 0.01);
}

}  // namespace
}  // namespace brainmt::analysis
