// Names of the Connectome Projects' releases: which image of a run is taken, whose it is, what is said of the others.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "prepare/scan_list.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using Lines = std::vector<std::string>;

class HcpNames : public testing::Test {
 protected:
  // The path of an image, which is made.
  std::string put(const std::string& id, const std::string& run, const std::string& ending) {
    const std::string file = fmt::format("{0}/MNINonLinear/Results/rfMRI_{1}/rfMRI_{1}_{2}", id, run, ending);
    std::filesystem::create_directories((directory_ / file).parent_path());
    test::write_file(directory_ / file, "");
    return file;
  }
  // "participant session run cleaning" of the usable ones, '!' in front of bad ones.
  Lines listed() const {
    Lines lines;
    for (const ScanEntry& scan : list_scans(settings_)) {
      if (scan.status != ScanEntry::Status::kUsed && scan.status != ScanEntry::Status::kBad) continue;
      lines.push_back(fmt::format("{}{} {} {} {}", scan.usable() ? "" : "!", scan.participant_id, scan.session,
                                  scan.run, scan.file.substr(scan.file.rfind("_hp") + 1)));
    }
    return lines;
  }

  test::TemporaryDirectory directory_;
  ListSettings settings_{.input = directory_.path(), .layout = Layout::kHcp};
};

const std::string kClassic = "hp2000_clean.nii.gz", kNew = "hp2000_clean_rclean_tclean.nii.gz";

TEST_F(HcpNames, TheReleaseOf2025) {
  put("100307", "REST1_LR", kNew);
  put("100307", "REST1_LR", "hp2000_clean_vn.nii.gz");  // a map, no scan
  put("100408", "REST2_RL", kNew);
  EXPECT_EQ(listed(), (Lines{"100307  REST1_LR " + kNew, "100408  REST2_RL " + kNew}));
}

TEST_F(HcpNames, ClassicOnesOnlyWhereEveryRunHasThem) {
  for (const char* id : {"1001", "1002", "1003"}) {
    put(id, "REST1_LR", kClassic);
    put(id, "REST1_LR", kNew);
  }
  EXPECT_EQ(listed().front(), "1001  REST1_LR " + kClassic);
  put("1004", "REST1_LR", kNew);
  EXPECT_EQ(listed(), (Lines{"1001  REST1_LR " + kNew, "1002  REST1_LR " + kNew, "1003  REST1_LR " + kNew,
                             "1004  REST1_LR " + kNew}));
  settings_.hcp_clean = "classic";
  EXPECT_EQ(listed().back(), "!1004  REST1_LR " + kNew);
  settings_.hcp_clean = "hp2000_clean_rclean_tclean";
  EXPECT_EQ(listed().front(), "1001  REST1_LR " + kNew);
  settings_.hcp_clean = "hp0_clean";
  expect_error<DataError>([&] { listed(); }, {"hcp_clean=hp0_clean", "hp2000_clean (3 of 4 runs)"});
}

TEST_F(HcpNames, WhoseOnlyImageHasAnotherNameIsReported) {
  put("1001", "REST1_LR", kClassic);
  put("1002", "REST1_LR", kClassic);
  put("1003", "REST1_LR", kNew);
  EXPECT_EQ(listed(), (Lines{"1001  REST1_LR " + kClassic, "1002  REST1_LR " + kClassic, "!1003  REST1_LR " + kNew}));
  EXPECT_EQ(list_scans(settings_).back().reason,
            "the run has no image named hp2000_clean, which is taken for all; it has hp2000_clean_rclean_tclean "
            "(hcp_clean= takes one)");
}

TEST_F(HcpNames, ImagesOf7TMaySayTheirVoxels) {
  for (const char* id : {"1001", "1002"}) put(id, "REST1_7T_PA", "1.60mm_" + kClassic);
  put("1003", "REST1_7T_PA", "1.6mm_" + kClassic);
  put("1002", "REST1_7T_PA", "mm_" + kClassic);  // no size
  const auto run = [](const char* id) { return fmt::format("{}  REST1_7T_PA hp2000_clean.nii.gz", id); };
  EXPECT_EQ(listed(), (Lines{run("1001"), run("1002"), "!" + run("1003")}));
  EXPECT_NE(list_scans(settings_)[1].file.find("_1.60mm_hp2000"), std::string::npos);
  settings_.hcp_clean = "classic";
  EXPECT_EQ(listed().front(), run("1001"));
}

TEST_F(HcpNames, VisitsBelongToOneParticipant) {
  put("HCA0000001_V1_MR", "REST1_AP", "hp0_clean.nii.gz");
  put("HCA0000001_V2_MR", "REST1_AP", "hp0_clean.nii.gz");
  put("HCD0000002_V1_MR", "REST1a_PA", "hp0_clean.nii.gz");
  EXPECT_EQ(listed(), (Lines{"HCA0000001 V1 V1_REST1_AP hp0_clean.nii.gz", "HCA0000001 V2 V2_REST1_AP hp0_clean.nii.gz",
                             "HCD0000002 V1 V1_REST1a_PA hp0_clean.nii.gz"}));
}

TEST_F(HcpNames, NewNamesOfAgingWithMotion) {
  const std::string file = put("HCA0000001_V1_MR", "REST2_PA", "hp0_clean_rclean_tclean.nii.gz");
  const std::string motion = file.substr(0, file.rfind('/') + 1) + "Movement_RelativeRMS.txt";
  test::write_file(directory_ / motion, "");
  EXPECT_EQ(list_scans(settings_).front().motion, motion);
}

TEST_F(HcpNames, SevenTeslaAloneOrWhenAsked) {
  put("1001", "REST1_7T_PA", kClassic);
  put("1002", "REST2_7T_AP", kClassic);
  EXPECT_EQ(listed(), (Lines{"1001  REST1_7T_PA " + kClassic, "1002  REST2_7T_AP " + kClassic}));
  put("1001", "REST1_LR", kClassic);
  EXPECT_EQ(listed().front(), "1001  REST1_LR " + kClassic);
  EXPECT_NE(list_scans(settings_).back().reason.find("runs of 7T only"), std::string::npos);  // 1002
  settings_.hcp_scanner = "7T";
  EXPECT_EQ(listed().size(), 2u);
}

}  // namespace
}  // namespace brainmt::prepare
