// Motion files as fMRIPrep and HCP write them, from the file to the store: their frames are censored, their mean is
// kept.
#include <gtest/gtest.h>

#include <algorithm>

#include "io/cohort.hpp"
#include "prepare/motion.hpp"
#include "small_cohort.hpp"

namespace brainmt::prepare {
namespace {

class MotionFiles : public testing::TestWithParam<Layout> {};

// The cohort in the layout, as its files tell it; the threshold drops about a third of the frames of the restless.
TEST_P(MotionFiles, CensorFramesAndMeansReachTheStore) {
  const test::SharedDirectory directory;
  PrepareConfig config;
  config.list.input = directory / "scans";
  config.output = directory / "cohort.h5";
  config.list.layout = GetParam();
  config.list.space = SpaceChoice::kNative;
  config.processing.censor_fd = 0.2;
  config.processing.censor_max = 0.9;
  config.max_bad = 1;
  on_rank_0([&] {
    synth::SynthConfig synth;
    synth.out = config.list.input;
    synth.subjects = 4;
    synth.grid = {9, 10, 11};
    synth.frames = 30;
    synth.layout = synth::parse_layout(name_of(config.list.layout));
    synth::generate_cohort(synth, 0, 1);
  });
  prepare(config, MPI_COMM_WORLD);

  const std::vector<ScanEntry> scans = list_scans(config.list);
  ASSERT_EQ(scans.size(), 8u);  // two runs each
  const io::Cohort cohort(config.output);
  std::int64_t censored_in_all = 0;
  std::size_t used = 0;
  for (const ScanEntry& scan : scans) {
    const Motion motion = read_motion(config.list.input / scan.motion);
    ASSERT_EQ(motion.fd.size(), 30u);
    const auto censored = std::ranges::count_if(motion.fd, [](double mm) { return mm > 0.2; });
    const auto found = std::ranges::find(cohort.scans(), scan.file, &io::CohortScan::source);
    ASSERT_EQ(found != cohort.scans().end(), censored <= 27) << scan.file;
    if (found == cohort.scans().end()) continue;
    ++used;
    censored_in_all += censored;
    EXPECT_EQ(found->frames, static_cast<std::uint64_t>(30 - censored)) << scan.file;
    EXPECT_DOUBLE_EQ(found->mean_fd, motion.mean_fd) << scan.file;
    EXPECT_GT(found->mean_fd, 0);
  }
  EXPECT_EQ(cohort.scans().size(), used);
  EXPECT_GE(used, 4u);
  EXPECT_GT(censored_in_all, 0);
}

INSTANTIATE_TEST_SUITE_P(Layouts, MotionFiles, testing::Values(Layout::kBids, Layout::kHcp),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace brainmt::prepare
