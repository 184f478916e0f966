#include "profile/stage.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "support/source_root.hpp"

namespace brainmt::profile {
namespace {

TEST(Stage, IsFoundByTheBeginningOfALabel) {
  EXPECT_EQ(stage_of("brainmt::selective_scan::bwd_sum_groups"), Stage::kScan);
  EXPECT_EQ(stage_of("brainmt::conv3d_stem::fwd"), Stage::kConvolution);
  EXPECT_EQ(stage_of("brainmt::causal_conv1d::fwd"), Stage::kShortConvolution);
  EXPECT_EQ(stage_of("brainmt::forward"), std::nullopt);
  EXPECT_EQ(stage_of(""), std::nullopt);
}

TEST(Stage, OfAViewsInitialisationIsThatOfTheView) {
  EXPECT_EQ(stage_of("Kokkos::View::initialization [brainmt::selective_scan::da]"), Stage::kScan);
  EXPECT_EQ(stage_of("Kokkos::View::initialization [mirror]"), Stage::kElementwise);
}

TEST(Stage, HasANameOfItsOwn) {
  std::set<std::string> names;
  for (const Stage stage : all_stages()) names.insert(name_of(stage));
  EXPECT_EQ(names.size(), kStages);
  EXPECT_FALSE(names.contains(""));
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A kernel with a new prefix would go to "rest" without anyone noticing.
TEST(Stage, KnowsEveryLabelInTheSources) {
  const std::set<std::string> without{"brainmt::pool",     "brainmt::loss::fwd_bwd", "brainmt::forward",
                                      "brainmt::backward", "brainmt::step::capture", "brainmt::step::launch"};
  const std::regex label("\"(brainmt::[a-z0-9_:]+)\"");
  std::size_t found = 0;
  for (const char* folder : {"kernels", "src", "bench"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(test::source_root() / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".cpp" && extension != ".hpp") continue;
      const std::string text = text_of(entry.path());
      for (std::sregex_iterator it(text.begin(), text.end(), label), end; it != end; ++it, ++found)
        if (!without.contains((*it)[1])) {
          EXPECT_TRUE(stage_of((*it)[1].str())) << (*it)[1] << " in " << entry.path();
        }
    }
  EXPECT_GT(found, 60u);
}

}  // namespace
}  // namespace brainmt::profile
