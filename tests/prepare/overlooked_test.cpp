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
    test::write_file(directory_ / file,
                     file.ends_with(".zip") ? std::string(test::ZipBytes().add("scan", "x").bytes()) : std::string());
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
  for (const char* file : {"a.nii", "a.nii.gz", "a.img", "a.json", "a.hdr", ".zip", "a", "a copy.json", "a (1)",
                           "a (x).nii", "a copyright.nii", "Unconfirmed 1.crdownload"})
    EXPECT_EQ(kind(file), "") << file;
}

TEST(OtherFormat, CopiesAndUnfinishedDownloadsAreKnownInAnyForm) {
  const auto read_as = [](const char* file) {
    const auto other = other_format(file);
    return other ? fmt::format("{}|{}|{}", other->stem, other->name, kind_of(other->reason)) : "";
  };
  const std::string copy = "a|a.nii.gz|copy under another name";
  for (const char* file : {"Copy of a.nii.gz", "a copy.nii.gz", "a copy 2.nii.gz", "a - Copy.nii.gz",
                           "a - Copy (3).nii.gz", "a (1).nii.gz", "a.nii (12).gz", "a.nii.gz.1", "a.nii.gz~",
                           "a.nii.gz.bak", "a - Kopie.nii.gz", "Copy of a (2).nii.gz"})
    EXPECT_EQ(read_as(file), copy) << file;
  for (const char* file : {"a.nii.gz.part", "a.nii.gz.crdownload", "a.nii.gz.Download", "a (1).nii.gz.part"})
    EXPECT_EQ(read_as(file), "a|a.nii.gz|unfinished download") << file;
  EXPECT_EQ(read_as("1000011_20227_2_0 (1).zip"), "1000011_20227_2_0|1000011_20227_2_0.zip|copy under another name");
  EXPECT_EQ(read_as("a (1).hdr"), "a|a.hdr|copy under another name");
}

TEST(OtherFormat, HalvesOfPairsAreNamedWhereTheOtherIsMissing) {
  const Lines names{"a.hdr", "b.IMG", "c.hdr.gz", "c.img", "d.HDR", "d.IMG", "e.img.gz", "f.BRIK", "g.BRIK", "g.HEAD"};
  std::string halves;
  for (const std::string& name : names)
    if (const auto other = other_format(name, names))
      halves += name + ": " + std::string(kind_of(other->reason)) + "\n";
  EXPECT_EQ(halves,
            "a.hdr: half of a pair, without its .img\nb.IMG: half of a pair, without its .hdr\n"
            "e.img.gz: half of a pair, without its .hdr.gz\nf.BRIK: half of a pair, without its .HEAD\n"
            "g.HEAD: AFNI's format\n");
}

TEST_F(Overlooked, FlatNamesHalvesCopiesAndUnfinishedDownloads) {
  for (const char* file : {"s1.nii.gz", "s1.img", "s1.hdr", "s1 (1).nii.gz", "s1.nii.gz.part", "s2.hdr", "s3.img",
                           "Copy of s4.nii.gz", "s5.nii.gz.crdownload"})
    put(file);
  EXPECT_EQ(listed(Layout::kFlat),
            (Lines{"Copy of s4.nii.gz: copy under another name", "s1 (1).nii.gz: second copy of a scan that is read",
                   "s1.img: second copy of a scan that is read", "s1.nii.gz", "s1.nii.gz.part: unfinished download",
                   "s2.hdr: half of a pair, without its .img", "s3.img: half of a pair, without its .hdr",
                   "s5.nii.gz.crdownload: unfinished download"}));
  EXPECT_EQ(scans_[0].reason, "copy under another name: rename it 's4.nii.gz' if that one is missing");
  PrepareSummary summary;
  count_scans(summary, scans_);
  EXPECT_EQ(summary.overlooked, 5u);  // second copies are nothing to warn of
  EXPECT_NE(summary_text(summary).find("; 2 second copy of a scan that is read ('s1 (1).nii.gz')"), std::string::npos)
      << summary_text(summary);
}

TEST_F(Overlooked, ArchivesThatCannotBeOpenedAreCountedAsSuch) {
  const std::string mni = "fMRI/filtered_func_data_clean_MNI.nii.gz";
  std::string whole(test::ZipBytes().add(mni, "content").bytes());
  test::write_file(directory_ / "1000001_20227_2_0.zip", whole);
  test::write_file(directory_ / "1000002_20227_2_0.zip", whole.substr(0, whole.size() - 30));
  test::write_file(directory_ / "1000003_20227_2_0.zip", "<html>Please log in</html>");
  test::write_file(directory_ / "1000004.zip", whole.substr(0, 40));
  test::write_file(directory_ / "1000005_20227_2_0 (1).zip", whole);
  test::write_file(directory_ / "1000001_20227_2_0 (1).zip", whole);
  listed(Layout::kUkb);
  PrepareSummary summary;
  count_scans(summary, scans_);
  EXPECT_TRUE(
      summary_text(summary).starts_with("scans        1 of 3 found are used, 1 participant\n"
                                        "left out     3 not a readable zip archive ('1000002_20227_2_0.zip'); "
                                        "1 copy under another name ('1000005_20227_2_0 (1).zip'); "
                                        "1 second copy of a scan that is read ('1000001_20227_2_0 (1).zip')\n"))
      << summary_text(summary);
  EXPECT_NE(scans_[3].reason.find("web page"), std::string::npos) << scans_[3].file << scans_[3].reason;
}

TEST_F(Overlooked, CopiesAreFoundInEveryLayout) {
  const std::string bold = "_task-rest_space-MNI152NLin6Asym_res-2_desc-preproc_bold";
  put("sub-1/func/sub-1" + bold + ".nii.gz");
  put("sub-1/func/sub-1" + bold + " (1).nii.gz");
  put("sub-2/func/Copy of sub-2" + bold + ".nii.gz");
  put("sub-3/func/sub-3" + bold + ".nii.gz.part");
  EXPECT_EQ(listed(Layout::kBids), (Lines{"sub-1/func/sub-1" + bold + " (1).nii.gz: second copy of a scan that is read",
                                          "sub-1/func/sub-1" + bold + ".nii.gz",
                                          "sub-2/func/Copy of sub-2" + bold + ".nii.gz: copy under another name",
                                          "sub-3/func/sub-3" + bold + ".nii.gz.part: unfinished download"}));
  const std::string run = "/MNINonLinear/Results/rfMRI_REST1_LR/rfMRI_REST1_LR_hp2000_clean";
  put("h/100001" + run + ".nii.gz");
  put("h/100002" + run + " copy.nii.gz");
  ListSettings hcp = settings_for(Layout::kHcp);
  hcp.input = directory_ / "h";
  EXPECT_EQ(listed(hcp), (Lines{"100001" + run + ".nii.gz", "100002" + run + " copy.nii.gz: copy under another name"}));
  for (const char* file : {"p/s1_bold.nii.gz", "p/s1_bold copy.nii.gz", "p/s2_bold.nii.gz.part", "p/s3_bold.hdr",
                           "p/Copy of s4_bold.nii.gz"})
    put(file);
  ListSettings pattern = settings_for(Layout::kFlat);
  pattern.input = directory_ / "p";
  pattern.pattern = "{subject}_bold.nii.gz";
  EXPECT_EQ(listed(pattern),
            (Lines{"Copy of s4_bold.nii.gz: copy under another name",
                   "s1_bold copy.nii.gz: second copy of a scan that is read", "s1_bold.nii.gz",
                   "s2_bold.nii.gz.part: unfinished download", "s3_bold.hdr: half of a pair, without its .img"}));
}

TEST_F(Overlooked, FlatNamesOtherFormatsAndSubfolders) {
  for (const char* file :
       {"s1.NII.GZ", "s2.IMG", "s2.HDR", "s6.img", "s6.hdr", "s3.nii.xz", "s4.mgz", "s5.dtseries.nii", "s6.nii.gz",
        "s6.nii.zst", "._s1.nii.gz", "__MACOSX/s1.nii.gz", "old/s7.nii", "deep/er/s8.nii", "docs/x.txt"}) {
    put(file);
  }
  EXPECT_EQ(listed(Layout::kFlat),
            (Lines{"deep: subfolder with scans", "old: subfolder with scans", "s1.NII.GZ", "s2.IMG",
                   "s3.nii.xz: compressed by xz", "s4.mgz: FreeSurfer's format",
                   "s5.dtseries.nii: CIFTI, values on surfaces", "s6.img: second copy of a scan that is read",
                   "s6.nii.gz", "s6.nii.zst: second copy of a scan that is read"}));
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
  test::write_file(directory_ / "1000002_20227_3_0.zip", "");
  test::write_file(directory_ / "1000003_20227_2_0.zip", test::ZipBytes().add("fMRI/rfMRI.nii.gz", "x").bytes());
  put("1000003_20252_2_0.zip");  // structural images
  put("1000007.zip");
  put("1000004/fMRI/rfMRI.nii.gz");
  put("1000005/fMRI/filtered_func_data_clean_MNI.nii.bz2");
  folder("1000006_20227_2_0");
  folder("logs");
  EXPECT_EQ(
      listed(Layout::kUkb),
      (Lines{"1000001" + mni, "1000001_20227_2_0.zip: second copy of a scan that is read",
             "1000002_20227_2_0.zip: second copy of a scan that is read", "1000002_20227_2_0" + mni,
             "1000002_20227_3_0.zip", "1000003_20227_2_0.zip: zip archive without a scan",
             "1000004: folder without a scan", "1000005/fMRI/filtered_func_data_clean_MNI.nii.bz2: compressed by bzip2",
             "1000006_20227_2_0: folder without a scan", "1000007.zip: zip archive, not unpacked"}));
  EXPECT_EQ(scans_[4].status, ScanEntry::Status::kBad);
  EXPECT_EQ(scans_[4].participant_id + "|" + scans_[4].run + "|" + scans_[4].session, "1000002|3_0|3");
  EXPECT_NE(scans_[4].reason.find("is empty"), std::string::npos) << scans_[4].reason;
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
  EXPECT_EQ(
      listed(settings),
      (Lines{"1000001_20227_2_0.zip: second copy of a scan that is read", "1000001_20227_2_0/" + image,
             "1000002/" + image, "1000002_20227_2_0.zip: second copy of a scan that is read",
             "1000003_20227_2_0.zip: zip archive, not unpacked", "1000003_20227_3_0.zip: zip archive, not unpacked"}));
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
  put("100001_3T_rfMRI_REST2_fix.zip");
  put("100001_3T_Structural_preproc.zip");
  EXPECT_EQ(listed(Layout::kHcp),
            (Lines{run("100001", "REST1_LR") + "_hp2000_clean.nii.gz",
                   "100001/MNINonLinear/Results/rfMRI_REST1_RL: run without a cleaned image",
                   "100001_3T_rfMRI_REST1_fix.zip: second copy of a scan that is read",
                   "100001_3T_rfMRI_REST2_fix.zip: zip archive, not unpacked",
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
  for (const char* file : {"a_1.nii", "._a_1.nii", "b_2.IMG", "b_2.HDR"}) put(file);
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
  count_scans(summary, scans_);
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
