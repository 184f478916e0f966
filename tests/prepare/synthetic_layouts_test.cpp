// The synthetic cohort in every layout, as preparation finds it: scans, runs, motion and table belong together.
#include <gtest/gtest.h>

#include <set>

#include "io/find_column.hpp"
#include "prepare/motion.hpp"
#include "prepare/phenotypes.hpp"
#include "prepare/scan_list.hpp"
#include "support/temporary_directory.hpp"
#include "synth/cohort.hpp"
#include "synth/subject.hpp"

namespace brainmt::prepare {
namespace {

struct Case {
  Layout layout;
  std::size_t runs;
  bool has_motion;
  const char *sex, *cognition;
};

class SyntheticLayouts : public testing::TestWithParam<Case> {};

TEST_P(SyntheticLayouts, ScansMotionAndTableBelongTogether) {
  const test::TemporaryDirectory directory;
  const Case& expected = GetParam();
  synth::SynthConfig synth;
  synth.out = directory.path();
  synth.subjects = 3;
  synth.grid = {9, 10, 11};
  synth.frames = 8;
  synth.layout = synth::parse_layout(name_of(expected.layout));
  synth::generate_cohort(synth, 0, 1);

  const ListSettings settings{.input = directory.path(), .layout = expected.layout, .space = SpaceChoice::kNative};
  const std::vector<ScanEntry> scans = list_scans(settings);
  ASSERT_EQ(scans.size(), 3 * expected.runs);
  Phenotypes table(default_table(settings));
  table.match(scans);
  std::set<std::string> runs;
  for (std::size_t i = 0; i < scans.size(); ++i) {
    EXPECT_TRUE(scans[i].usable()) << scans[i].reason;
    EXPECT_TRUE(table.contains(scans[i]));
    runs.insert(scans[i].run);
    ASSERT_EQ(!scans[i].motion.empty(), expected.has_motion);
    if (!expected.has_motion) continue;
    const Motion motion = read_motion(directory / scans[i].motion);
    EXPECT_EQ(motion.fd.size(), 8u);
    // HCP's mean counts the first frame, which has no displacement.
    const double share = expected.layout == Layout::kHcp ? 7.0 / 8.0 : 1.0;
    const auto subject = static_cast<int>(i / expected.runs);
    EXPECT_NEAR(motion.mean_fd, share * synth::draw_phenotype(synth, subject).mean_fd, 1e-7);
  }
  EXPECT_EQ(runs.size(), expected.runs);
  std::vector<std::string> names;
  for (const auto& column : table.columns(scans)) names.push_back(column.name);
  EXPECT_EQ(names[io::require_column(names, "sex", "table")], expected.sex);
  EXPECT_EQ(names[io::require_column(names, "cognition", "table")], expected.cognition);
  EXPECT_NO_THROW(io::require_column(names, "age", "table"));
}

INSTANTIATE_TEST_SUITE_P(All, SyntheticLayouts,
                         testing::Values(Case{Layout::kFlat, 1, false, "sex", "cognition"},
                                         Case{Layout::kUkb, 1, false, "31-0.0", "20016-2.0"},
                                         Case{Layout::kHcp, 2, true, "Gender", "CogTotalComp_AgeAdj"},
                                         Case{Layout::kBids, 2, true, "sex", "cognition"}),
                         [](const auto& info) { return std::string(name_of(info.param.layout)); });

}  // namespace
}  // namespace brainmt::prepare
