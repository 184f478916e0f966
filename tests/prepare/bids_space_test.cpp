// Which space of a pipeline's output becomes the cohort's.
#include "prepare/bids_space.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "prepare/scan_list.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;

const std::string k6 = "space-MNI152NLin6Asym", k2009 = "space-MNI152NLin2009cAsym";

TEST(BidsSpace, TheScannersOwnSpaceNeverWins) {
  EXPECT_EQ(choose_space({{"", 5}, {"space-T1w", 5}, {k2009 + "_res-2", 5}}, "auto"), k2009 + "_res-2");
  EXPECT_EQ(choose_space({{"", 9}, {"space-T1w", 9}, {k2009, 2}}, "auto"), k2009);
  EXPECT_EQ(choose_space({{"space-T1w", 9}, {"space-OASIS30ANTs", 1}}, "auto"), "space-OASIS30ANTs");
  EXPECT_EQ(choose_space({{"space-OASIS30ANTs", 9}, {k2009, 8}}, "auto"), k2009);
}

TEST(BidsSpace, TheCommonestMniSpaceUnlessMostHaveThePreferredOne) {
  EXPECT_EQ(choose_space({{k2009, 10}, {k6 + "_res-2", 5}}, "auto"), k6 + "_res-2");
  EXPECT_EQ(choose_space({{k2009, 10}, {k6 + "_res-2", 4}}, "auto"), k2009);
  EXPECT_EQ(choose_space({{k6 + "_res-1", 4}, {"space-MNIPediatricAsym_cohort-2", 7}}, "auto"),
            "space-MNIPediatricAsym_cohort-2");
}

TEST(BidsSpace, TiesAreDecidedByNameAndGrid) {
  EXPECT_EQ(choose_space({{k2009, 3}, {k6, 3}}, "auto"), k6);
  EXPECT_EQ(choose_space({{k2009 + "_res-1", 3}, {k2009 + "_res-2", 3}}, "auto"), k2009 + "_res-2");
  EXPECT_EQ(choose_space({{"space-MNI152NLin6Sym", 3}, {k2009, 3}}, "auto"), k2009);
}

TEST(BidsSpace, IsChosenByTheKey) {
  const SpaceCounts counts{{"", 5}, {"space-T1w", 5}, {k2009 + "_res-2", 3}, {k2009 + "_res-1", 1}, {k6, 5}};
  EXPECT_EQ(choose_space(counts, "native"), "");
  EXPECT_EQ(choose_space(counts, "T1w"), "space-T1w");
  EXPECT_EQ(choose_space(counts, "space-T1w"), "space-T1w");
  EXPECT_EQ(choose_space(counts, "MNI152NLin2009cAsym"), k2009 + "_res-2");
  EXPECT_EQ(choose_space(counts, "MNI152NLin2009cAsym_res-01"), k2009 + "_res-1");
  expect_error<DataError>([&] { choose_space(counts, "MNI152NLin2009"); },
                          {"bids_space=MNI152NLin2009;", "space-T1w (5 runs)", "_res-1 (1 run)"});
}

TEST(BidsSpace, OnlyOwnSpacesAreRefusedWithTheKey) {
  expect_error<DataError>(
      [] {
        choose_space({{"", 5}, {"space-T1w", 4}}, "auto");
      },
      {"own spaces only", "no space- in its name (5 runs)", "bids_space=native"});
}

TEST(BidsSpace, IsReadFromNamesWithCohortAndResolution) {
  const auto space = [](const char* file) { return space_of(*io::parse_bids_name(file)); };
  EXPECT_EQ(space("sub-1_space-MNIPediatricAsym_cohort-3_res-02_bold.nii.gz"), "space-MNIPediatricAsym_cohort-3_res-2");
  EXPECT_EQ(space("sub-1_res-native_bold.nii.gz"), "");
}

class BidsImages : public testing::Test {
 protected:
  void put(const std::string& file) {
    std::filesystem::create_directories((directory_ / file).parent_path());
    test::write_file(directory_ / file, "");
  }
  ListSettings bids() const { return {.input = directory_.path(), .layout = Layout::kBids}; }
  test::TemporaryDirectory directory_;
};

TEST_F(BidsImages, DenoisedOnesOfSessionsComeWithTheirMotion) {
  const std::string run = "sub-1/ses-2/func/sub-1_ses-2_task-rest_run-1";
  put(run + "_space-MNI152NLin2009cAsym_res-2_desc-denoised_bold.nii.gz");
  put(run + "_desc-filtered_motion.tsv");
  put(run + "_motion.tsv");
  for (const char* desc : {"auto", "denoised"}) {
    ListSettings settings = bids();
    settings.bids_desc = desc;
    const auto scans = list_scans(settings);
    ASSERT_EQ(scans.size(), 1u);
    EXPECT_EQ(scans[0].run, "ses-2_run-1");
    EXPECT_EQ(scans[0].session, "2");
    EXPECT_EQ(scans[0].motion, run + "_desc-filtered_motion.tsv");
  }
  std::filesystem::remove(directory_ / (run + "_desc-filtered_motion.tsv"));
  EXPECT_EQ(list_scans(bids())[0].motion, run + "_motion.tsv");
}

TEST_F(BidsImages, PreprocessedOnesGoBeforeDenoisedOnes) {
  const std::string one = "sub-1/func/sub-1_task-rest_space-MNI152NLin6Asym_desc-",
                    two = "sub-2/func/sub-2_task-rest_space-MNI152NLin6Asym_desc-";
  put(one + "denoised_bold.nii.gz");
  put(one + "preproc_bold.nii.gz");
  put(two + "denoised_bold.nii.gz");
  const auto scans = list_scans(bids());
  ASSERT_EQ(scans.size(), 2u);
  EXPECT_EQ(scans[0].file, one + "preproc_bold.nii.gz");
  EXPECT_EQ(scans[1].reason, "the run has no image with desc-preproc (bids_desc=)");
}

TEST_F(BidsImages, OneSessionIsKeptInAnySpelling) {
  for (const char* session : {"baselineYear1", "02"})
    put(fmt::format("sub-1/ses-{0}/func/sub-1_ses-{0}_task-rest_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz",
                    session));
  ListSettings settings = bids();
  EXPECT_EQ(list_scans(settings).size(), 2u);
  for (const auto& [asked, run] : std::map<std::string, std::string>{
           {"ses-baselineYear1", "ses-baselineYear1"}, {"baselineyear1", "ses-baselineYear1"}, {"2", "ses-02"}}) {
    settings.session = asked;
    const auto scans = list_scans(settings);
    ASSERT_EQ(scans.size(), 1u) << asked;
    EXPECT_EQ(scans[0].run, run);
  }
  settings.session = "3";
  expect_error<DataError>([&] { list_scans(settings); }, {"session=3", "1 of 02", "1 of baselineYear1"});
}

TEST_F(BidsImages, MostIsSaidOnlyWhereItIsMost) {
  for (const char* id : {"1", "2"}) {
    put(fmt::format("sub-{0}/func/sub-{0}_task-rest_desc-preproc_bold.nii.gz", id));
  }
  put("sub-1/func/sub-1_task-rest_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz");
  const auto scans = list_scans(bids());
  ASSERT_EQ(scans.size(), 2u);
  EXPECT_TRUE(scans[0].usable());
  EXPECT_EQ(scans[1].reason,
            "the run has no image with space-MNI152NLin6Asym, which is taken for all and 1 of 2 scans have "
            "(bids_space=)");
}

}  // namespace
}  // namespace brainmt::prepare
