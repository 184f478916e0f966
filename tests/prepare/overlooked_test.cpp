// What looks like a scan and is none that the layout reads: named with its kind and remedy, and never a bad scan.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "prepare/other_format.hpp"
#include "prepare/report.hpp"
#include "prepare/scan_list.hpp"
#include "prepare/summary.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "support/zip_bytes.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using Lines = std::vector<std::string>;

class Overlooked : public testing::Test {
 protected:
  void put(const std::string& file) {
    std::filesystem::create_directories((directory_ / file).parent_path());
    test::write_file(directory_ / file, "");
  }
  void folder(const std::string& name) { std::filesystem::create_directories(directory_ / name); }
  // "file: kind" of what is overlooked; the names alone of what is a scan.
  Lines listed(Layout layout, const std::string& pattern = "") {
    ListSettings settings = settings_for(layout);
    settings.pattern = pattern;
    return listed(settings);
  }
  ListSettings settings_for(Layout layout) const { return {.input = directory_.path(), .layout = layout}; }
  Lines listed(const ListSettings& settings) {
    scans_ = list_scans(settings);
    Lines lines;
    for (const ScanEntry& scan : scans_) {
      lines.push_back(scan.file + (scan.is_scan() ? "" : ": " + std::string(kind_of(scan.reason))));
    }
    return lines;
  }

  test::TemporaryDirectory directory_;
  std::vector<ScanEntry> scans_;
};

TEST(OtherFormat, IsKnownByItsEndingInAnyCase) {
  const auto kind = [](const char* file) {
    const auto other = other_format(file);
    return other ? other->stem + "|" + std::string(kind_of(other->reason)) : "";
  };
  EXPECT_EQ(kind("a.nii.bz2"), "a|compressed by bzip2");
  EXPECT_EQ(kind("a.NII.ZST"), "a|compressed by zstd");
  EXPECT_EQ(kind("a.dtseries.nii"), "a|CIFTI, values on surfaces");
  EXPECT_EQ(kind("a.func.gii"), "a.func|GIFTI, values on a surface");
  EXPECT_EQ(kind("a.zip"), "a|zip archive, not unpacked");
  for (const char* file : {"a.nii", "a.nii.gz", "a.img", "a.json", "a.hdr", ".zip", "a"})
    EXPECT_EQ(kind(file), "") << file;
}

TEST_F(Overlooked, FlatNamesOtherFormatsAndSubfolders) {
  for (const char* file :
       {"s1.NII.GZ", "s2.IMG", "s2.HDR", "s6.img", "s6.hdr", "s3.nii.xz", "s4.mgz", "s5.dtseries.nii", "s6.nii.gz",
        "s6.nii.zst", "._s1.nii.gz", "__MACOSX/s1.nii.gz", "old/s7.nii", "deep/er/s8.nii", "docs/x.txt"}) {
    put(file);
  }
  EXPECT_EQ(listed(Layout::kFlat), (Lines{"deep: subfolder with scans", "old: subfolder with scans", "s1.NII.GZ",
                                          "s2.IMG", "s3.nii.xz: compressed by xz", "s4.mgz: FreeSurfer's format",
                                          "s5.dtseries.nii: CIFTI, values on surfaces", "s6.nii.gz"}));
  EXPECT_EQ(scans_[2].participant_id, "s1");
  EXPECT_EQ(scans_[3].participant_id, "s2");
  EXPECT_TRUE(scans_[2].usable());
}

TEST_F(Overlooked, UkbNamesArchivesAndFoldersWithoutAScan) {
  const std::string mni = "/fMRI/filtered_func_data_clean_MNI.nii.gz";
  put("1000001" + mni);
  put("1000001_20227_2_0.zip");  // the folder of the eid has it
  put("1000002_20227_2_0" + mni);
  put("1000002_20227_2_0.zip");  // unpacked
  put("1000002_20227_3_0.zip");
  test::write_file(directory_ / "1000003_20227_2_0.zip", test::ZipBytes().add("fMRI/rfMRI.nii.gz", "x").bytes());
  put("1000003_20252_2_0.zip");  // structural images
  put("1000007.zip");
  put("1000004/fMRI/rfMRI.nii.gz");
  put("1000005/fMRI/filtered_func_data_clean_MNI.nii.bz2");
  folder("1000006_20227_2_0");
  folder("logs");
  EXPECT_EQ(listed(Layout::kUkb),
            (Lines{"1000001" + mni, "1000002_20227_2_0" + mni, "1000002_20227_3_0.zip",
                   "1000003_20227_2_0.zip: zip archive without a scan", "1000004: folder without a scan",
                   "1000005/fMRI/filtered_func_data_clean_MNI.nii.bz2: compressed by bzip2",
                   "1000006_20227_2_0: folder without a scan", "1000007.zip: zip archive, not unpacked"}));
  EXPECT_EQ(scans_[2].status, ScanEntry::Status::kBad);
  EXPECT_EQ(scans_[2].participant_id + "|" + scans_[2].run + "|" + scans_[2].session, "1000002|3_0|3");
  EXPECT_NE(scans_[2].reason.find("is empty"), std::string::npos) << scans_[2].reason;
  const std::string path = (directory_ / "1000007").string();
  EXPECT_EQ(scans_.back().reason, "zip archive, not unpacked: unzip -q '" + path + ".zip' 'fMRI/*' -d '" + path + "'");
}

// The research platform's folders of a bulk field, and what is downloaded of other fields.
TEST_F(Overlooked, UkbFoldersOfTwoDigitsAreLookedInto) {
  const std::string image = "fMRI/filtered_func_data_clean_MNI.nii.gz";
  std::filesystem::create_directories(directory_ / "10");
  test::write_file(directory_ / "10/1000001_20227_2_0.zip", test::ZipBytes().add(image, "x").bytes());
  put("10/1000002_20227_2_0/" + image);
  put("23/2300001_20227_2_0.tar");
  put("23/1000009_20227_2_0/" + image);  // not below its digits
  put("23/2300002_20225_2_0.zip");
  put("1000001_20225_2_0.zip");  // of a visit that has a scan
  put("1000001_20225_3_0.zip");
  EXPECT_EQ(listed(Layout::kUkb), (Lines{"10/1000001_20227_2_0.zip/" + image, "10/1000002_20227_2_0/" + image,
                                         "1000001_20225_3_0.zip: raw images (field 20225)",
                                         "23/2300001_20227_2_0.tar: tar archive, not unpacked",
                                         "23/2300002_20225_2_0.zip: raw images (field 20225)"}));
  EXPECT_EQ(scans_[0].participant_id + scans_[0].run, "10000012_0");
}

TEST_F(Overlooked, BidsNamesImagesOfOtherNames) {
  const std::string space = "_space-MNI152NLin6Asym_res-2_";
  const auto func = [](const std::string& id) { return "sub-" + id + "/func/sub-" + id + "_task-rest"; };
  put(func("1") + space + "desc-preproc_bold.nii.gz");
  put(func("1") + space + "desc-smooth_bold.nii.gz");  // beside the one that is read
  put(func("2") + space + "desc-smooth_bold.nii.gz");
  put(func("3") + "_bold.nii.gz");
  put(func("4") + "_bold_space-MNI152NLin2009cAsym_preproc.nii.gz");
  put(func("5") + "_bold_desc-filtered_timeseries.dtseries.nii");
  put(func("6") + "_boldref.nii.gz");
  put("NDARINVAAAA0001_baselineYear1Arm1_ABCD-MPROC-rsfMRI_20170101.tgz");
  EXPECT_EQ(listed(Layout::kBids),
            (Lines{"NDARINVAAAA0001_baselineYear1Arm1_ABCD-MPROC-rsfMRI_20170101.tgz: tar archive, not unpacked",
                   func("1") + space + "desc-preproc_bold.nii.gz",
                   func("2") + space + "desc-smooth_bold.nii.gz: image with another desc-",
                   func("3") + "_bold.nii.gz: image without desc-",
                   func("4") + "_bold_space-MNI152NLin2009cAsym_preproc.nii.gz: old name",
                   func("5") + "_bold_desc-filtered_timeseries.dtseries.nii: CIFTI, values on surfaces",
                   "sub-6: folder without a scan of task rest"}));
  EXPECT_EQ(scans_[0].participant_id, "sub-NDARINVAAAA0001");
  EXPECT_EQ(scans_[2].reason, "image with another desc-: bids_desc=smooth takes it");
}

// As a build without libzip does it.
TEST_F(Overlooked, UkbArchivesThatAreNotReadHaveTheirCommand) {
  const std::string image = "fMRI/filtered_func_data_clean_MNI.nii.gz";
  put("1000001_20227_2_0/" + image);
  put("1000001_20227_2_0.zip");
  put("1000002/" + image);
  put("1000002_20227_2_0.zip");
  for (const char* name : {"1000003_20227_2_0.zip", "1000003_20227_3_0.zip"})
    test::write_file(directory_ / name, test::ZipBytes().add(image, "x").bytes());
  ListSettings settings = settings_for(Layout::kUkb);
  settings.reads_archives = false;
  EXPECT_EQ(listed(settings),
            (Lines{"1000001_20227_2_0/" + image, "1000002/" + image, "1000003_20227_2_0.zip: zip archive, not unpacked",
                   "1000003_20227_3_0.zip: zip archive, not unpacked"}));
  const std::string path = (directory_ / "1000003_20227_3_0").string();
  EXPECT_EQ(scans_.back().reason, "zip archive, not unpacked: unzip -q '" + path + ".zip' 'fMRI/*' -d '" + path + "'");
  EXPECT_EQ(scans_.back().run, "3_0");
}

TEST_F(Overlooked, HcpNamesRunsAndParticipantsWithoutAnImage) {
  const auto run = [](const std::string& id, const std::string& name) {
    return fmt::format("{0}/MNINonLinear/Results/rfMRI_{1}/rfMRI_{1}", id, name);
  };
  put(run("100001", "REST1_LR") + "_hp2000_clean.nii.gz");
  put(run("100001", "REST1_RL") + ".nii.gz");
  put(run("100002", "REST1_LR") + "_hp2000_clean.nii.zst");
  put("100003/MNINonLinear/T1w.nii.gz");
  put("100004_3T_rfMRI_REST1_fix.zip");
  put("100001_3T_rfMRI_REST1_fix.zip");
  EXPECT_EQ(listed(Layout::kHcp),
            (Lines{run("100001", "REST1_LR") + "_hp2000_clean.nii.gz",
                   "100001/MNINonLinear/Results/rfMRI_REST1_RL: run without a cleaned image",
                   run("100002", "REST1_LR") + "_hp2000_clean.nii.zst: compressed by zstd",
                   "100003: folder without a scan", "100004_3T_rfMRI_REST1_fix.zip: zip archive, not unpacked"}));
  EXPECT_EQ(scans_.back().participant_id, "100004");
}

TEST_F(Overlooked, BidsNamesSurfacesAloneAndFoldersWithoutAScan) {
  const std::string mni = "_space-MNI152NLin6Asym_res-2_desc-preproc_bold.nii.gz";
  put("sub-1/func/sub-1_task-rest" + mni);
  put("sub-1/func/sub-1_task-rest_space-fsLR_den-91k_bold.dtseries.nii");  // beside a volume
  put("sub-2/func/sub-2_task-rest_space-fsLR_den-91k_bold.dtseries.nii");
  put("sub-2/func/sub-2_task-nback_space-fsLR_den-91k_bold.dtseries.nii");
  put("sub-3/anat/sub-3_T1w.nii.gz");
  put("sub-3.html");
  put("sub-4.zip");
  EXPECT_EQ(listed(Layout::kBids),
            (Lines{"sub-1/func/sub-1_task-rest" + mni,
                   "sub-2/func/sub-2_task-rest_space-fsLR_den-91k_bold.dtseries.nii: CIFTI, values on surfaces",
                   "sub-3: folder without a scan of task rest", "sub-4.zip: zip archive, not unpacked"}));
}

TEST_F(Overlooked, PatternNamesWhatEndsOtherwise) {
  for (const char* file : {"s1/bold.nii.gz", "s1/._bold.nii.gz", "s2/bold.nii.bz2", "s3/bold.nii", "s4/T1w.nii.gz"}) {
    put(file);
  }
  EXPECT_EQ(listed(Layout::kFlat, "{subject}/bold.nii.gz"),
            (Lines{"s1/bold.nii.gz", "s2/bold.nii.bz2: compressed by bzip2",
                   "s3/bold.nii: another ending than the pattern's .nii.gz"}));
  for (const char* file : {"a_1.nii", "._a_1.nii", "b_2.IMG"}) put(file);
  EXPECT_EQ(listed(Layout::kFlat, "{subject}_{run}.nii"),
            (Lines{"a_1.nii", "b_2.IMG: another ending than the pattern's .nii"}));
  EXPECT_EQ(scans_.back().participant_id, "b");
}

TEST_F(Overlooked, WithoutAnyScanTheErrorCountsThem) {
  for (const char* eid : {"1000001", "1000002"}) put(fmt::format("{}.zip", eid));
  expect_error<DataError>([&] { listed(Layout::kUkb); },
                          {"holds no scan", "2 zip archive, not unpacked ('1000001.zip')"});
}

TEST_F(Overlooked, IsInSummaryAndReportAndCountsAsNeitherBadNorFound) {
  for (const char* file : {"s1.nii.gz", "s2.mgz", "s3.mgz"}) put(file);
  listed(Layout::kFlat);
  PrepareSummary summary;
  count_scans(summary, scans_, std::vector<Dropped>(3, Dropped::kName));
  EXPECT_EQ(summary.overlooked, 2u);
  EXPECT_EQ(summary.bad, 0u);
  EXPECT_EQ(summary.found(), 1u);
  EXPECT_NE(summary_text(summary).find("left out     2 FreeSurfer's format ('s2.mgz')\n"), std::string::npos)
      << summary_text(summary);
  write_report(directory_ / "x.report.tsv", scans_);
  EXPECT_NE(test::read_file(directory_ / "x.report.tsv").find("s2\ts2.mgz\toverlooked\t"), std::string::npos);
}

}  // namespace
}  // namespace brainmt::prepare
