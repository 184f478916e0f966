// The folders of UK Biobank, HCP and BIDS: what is a scan, of whom, which run, with which motion file; what is left
// alone; what is refused and with which words.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "prepare/scan_list.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "support/zip_bytes.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using test::write_file;
namespace fs = std::filesystem;

class LayoutTest : public testing::Test {
 protected:
  void put(const std::string& file) {
    fs::create_directories((directory_ / file).parent_path());
    write_file(directory_ / file, "");
  }
  ListSettings settings(Layout layout) const { return {.input = directory_.path(), .layout = layout}; }
  // "id|run|file" or "id|run|file|motion", '!' in front of what is bad.
  std::vector<std::string> listed(const ListSettings& settings) {
    std::vector<std::string> lines;
    scans_ = list_scans(settings);
    for (const ScanEntry& scan : scans_) {
      if (!scan.is_scan()) continue;
      lines.push_back((scan.usable() ? "" : "!") + scan.participant_id + "|" + scan.run + "|" + scan.file +
                      (scan.motion.empty() ? "" : "|" + scan.motion));
    }
    return lines;
  }
  // Reason of the only bad scan.
  std::string reason() const {
    std::string text;
    for (const ScanEntry& scan : scans_) text += scan.usable() || !scan.is_scan() ? "" : scan.reason;
    return text;
  }

  test::TemporaryDirectory directory_;
  std::vector<ScanEntry> scans_;
};

using Lines = std::vector<std::string>;

TEST_F(LayoutTest, UkbFoldersOfAnEidAndOfBulkDownloads) {
  put("1000001/fMRI/filtered_func_data_clean_MNI.nii.gz");
  put("1000002_20227_2_0/fMRI/filtered_func_data_clean_MNI.nii.gz");
  put("1000002_20227_3_0/fMRI/filtered_func_data_clean_MNI.nii.gz");
  put("1000002_20227_2_0/fMRI/rfMRI.ica/filtered_func_data_clean.nii.gz");
  put("1000003/fMRI/tfMRI.nii.gz");                                      // no scan
  put("1000004_20249_2_0/fMRI/rfMRI.ica/filtered_func_data_clean.nii");  // not this name
  put("deep/1000005/fMRI/filtered_func_data_clean_MNI.nii.gz");          // not this level
  put("filtered_func_data_clean_MNI.nii.gz");
  EXPECT_EQ(listed(settings(Layout::kUkb)),
            (Lines{"1000001||1000001/fMRI/filtered_func_data_clean_MNI.nii.gz",
                   "1000002|2_0|1000002_20227_2_0/fMRI/filtered_func_data_clean_MNI.nii.gz",
                   "1000002|3_0|1000002_20227_3_0/fMRI/filtered_func_data_clean_MNI.nii.gz"}));
}

TEST_F(LayoutTest, UkbNativeSpaceIsRefusedWithTheCommand) {
  put("1000001/fMRI/filtered_func_data_clean_MNI.nii.gz");
  put("1000001_20227_2_0/fMRI/rfMRI.ica/filtered_func_data_clean.nii.gz");  // replaced by the MNI image
  put("1000002_20227_2_0/fMRI/rfMRI.ica/filtered_func_data_clean.nii.gz");
  const std::string native = "1000002_20227_2_0/fMRI/rfMRI.ica/filtered_func_data_clean.nii.gz";
  EXPECT_EQ(listed(settings(Layout::kUkb)),
            (Lines{"1000001||1000001/fMRI/filtered_func_data_clean_MNI.nii.gz", "!1000002|2_0|" + native}));
  const std::string fmri = (directory_ / "1000002_20227_2_0/fMRI").string();
  EXPECT_NE(reason().find("is in native space"), std::string::npos);
  EXPECT_NE(reason().find("applywarp --in=" + fmri +
                          "/rfMRI.ica/filtered_func_data_clean.nii.gz "
                          "--ref=$FSLDIR/data/standard/MNI152_T1_2mm --warp=" +
                          fmri + "/rfMRI.ica/reg/example_func2standard_warp.nii.gz --out=" + fmri +
                          "/filtered_func_data_clean_MNI.nii.gz"),
            std::string::npos)
      << reason();
  EXPECT_NE(reason().find("space=native"), std::string::npos);

  ListSettings as_they_are = settings(Layout::kUkb);
  as_they_are.space = SpaceChoice::kNative;
  EXPECT_EQ(listed(as_they_are), (Lines{"1000001|2_0|1000001_20227_2_0/fMRI/rfMRI.ica/filtered_func_data_clean.nii.gz",
                                        "1000002|2_0|" + native}));
}

TEST_F(LayoutTest, UkbNativeSpaceTakesMniImagesWhereThereIsNothingElse) {
  put("1000001/fMRI/filtered_func_data_clean_MNI.nii.gz");
  ListSettings as_they_are = settings(Layout::kUkb);
  as_they_are.space = SpaceChoice::kNative;
  EXPECT_EQ(listed(as_they_are), Lines{"1000001||1000001/fMRI/filtered_func_data_clean_MNI.nii.gz"});
}

TEST_F(LayoutTest, UkbArchivesAreReadInPlace) {
  const std::string native = "fMRI/rfMRI.ica/filtered_func_data_clean.nii.gz";
  const std::string mni = "fMRI/filtered_func_data_clean_MNI.nii.gz";
  const std::string motion = "fMRI/rfMRI.ica/mc/prefiltered_func_data_mcf_rel.rms";
  const auto archive = [&](const std::string& name, std::initializer_list<std::string> members) {
    test::ZipBytes zip;
    for (const std::string& member : members) zip.add(member, "content of it");
    write_file(directory_ / name, zip.bytes());
  };
  archive("1000001_20227_2_0.zip", {native, motion});
  archive("1000001_20227_3_0.zip", {native, mni});
  archive("1000002_20227_2_0.zip", {native});
  put("1000002_20227_2_0/" + native);  // unpacked beside it
  ListSettings as_they_are = settings(Layout::kUkb);
  as_they_are.space = SpaceChoice::kNative;
  EXPECT_EQ(listed(as_they_are),
            (Lines{"1000001|2_0|1000001_20227_2_0.zip/" + native + "|1000001_20227_2_0.zip/" + motion,
                   "1000001|3_0|1000001_20227_3_0.zip/" + native, "1000002|2_0|1000002_20227_2_0/" + native}));
  EXPECT_EQ(scans_[1].session, "3");
  fs::remove_all(directory_ / "1000002_20227_2_0");
  fs::remove(directory_ / "1000002_20227_2_0.zip");
  EXPECT_EQ(listed(settings(Layout::kUkb)),
            (Lines{"!1000001|2_0|1000001_20227_2_0.zip/" + native + "|1000001_20227_2_0.zip/" + motion,
                   "1000001|3_0|1000001_20227_3_0.zip/" + mni}));
  const std::string unpacked = (directory_ / "1000001_20227_2_0").string();
  EXPECT_NE(reason().find("unzip -q '" + unpacked + ".zip' 'fMRI/*' -d '" + unpacked +
                          "' && applywarp --in=" + unpacked + "/fMRI/"),
            std::string::npos)
      << reason();
}

TEST_F(LayoutTest, HcpRunsAreKeptApartWithTheirMotion) {
  const auto folder = [](const std::string& id, const std::string& run) {
    return id + "/MNINonLinear/Results/rfMRI_" + run + "/";
  };
  put(folder("100307", "REST1_LR") + "rfMRI_REST1_LR_hp2000_clean.nii.gz");
  put(folder("100307", "REST1_LR") + "Movement_RelativeRMS.txt");
  put(folder("100307", "REST1_LR") + "Movement_RelativeRMS_mean.txt");
  put(folder("100307", "REST2_RL") + "rfMRI_REST2_RL_hp2000_clean.nii.gz");
  put(folder("100307", "REST2_RL") + "Movement_RelativeRMS_mean.txt");
  put(folder("100307", "REST1_RL") + "rfMRI_REST1_RL.nii.gz");                     // not cleaned
  put(folder("100307", "REST1_7T_PA") + "rfMRI_REST1_7T_PA_hp2000_clean.nii.gz");  // another scanner
  put(folder("100307", "REST2_LR") + "rfMRI_REST1_LR_hp2000_clean.nii.gz");        // name of another run
  put("100307/MNINonLinear/Results/tfMRI_WM_LR/tfMRI_WM_LR_hp2000_clean.nii.gz");
  put(folder("bad id", "REST1_LR") + "rfMRI_REST1_LR_hp2000_clean.nii.gz");
  const std::string first = folder("100307", "REST1_LR"), second = folder("100307", "REST2_RL");
  EXPECT_EQ(
      listed(settings(Layout::kHcp)),
      (Lines{"100307|REST1_LR|" + first + "rfMRI_REST1_LR_hp2000_clean.nii.gz|" + first + "Movement_RelativeRMS.txt",
             "100307|REST2_RL|" + second + "rfMRI_REST2_RL_hp2000_clean.nii.gz|" + second +
                 "Movement_RelativeRMS_mean.txt",
             "!bad id|REST1_LR|" + folder("bad id", "REST1_LR") + "rfMRI_REST1_LR_hp2000_clean.nii.gz"}));
}

TEST_F(LayoutTest, BidsSessionsRunsAndConfounds) {
  const std::string one = "sub-01/ses-a/func/sub-01_ses-a_task-rest_run-1", two = "sub-02/func/sub-02_task-rest";
  const std::string image = "_space-MNI152NLin6Asym_res-2_desc-preproc_bold.nii.gz";
  put(one + image);
  put(one + "_desc-confounds_timeseries.tsv");
  put("sub-01/ses-a/func/sub-01_ses-a_task-rest_run-2" + image);
  put("sub-01/ses-a/func/sub-01_ses-a_task-nback_run-1" + image);  // another task
  put(one + "_space-MNI152NLin6Asym_res-2_desc-brain_mask.nii.gz");
  put(one + "_echo-1_space-MNI152NLin6Asym_res-2_desc-preproc_bold.nii.gz");
  put(two + image);
  put(two + "_desc-confounds_regressors.tsv");
  put("sub-02/anat/sub-02_T1w.nii.gz");
  put("sub-02/func/notes.txt");
  EXPECT_EQ(listed(settings(Layout::kBids)),
            (Lines{"sub-01|ses-a_run-1|" + one + image + "|" + one + "_desc-confounds_timeseries.tsv",
                   "sub-01|ses-a_run-2|sub-01/ses-a/func/sub-01_ses-a_task-rest_run-2" + image,
                   "sub-02||" + two + image + "|" + two + "_desc-confounds_regressors.tsv"}));
  ListSettings any = settings(Layout::kBids);
  any.bids_task = "";
  EXPECT_EQ(listed(any).front(),
            "sub-01|ses-a_task-nback_run-1|sub-01/ses-a/func/sub-01_ses-a_task-nback_run-1" + image);
}

TEST_F(LayoutTest, BidsMaskAndSidecarOfTheSameImage) {
  const std::string run = "sub-1/ses-b/func/sub-1_ses-b_task-rest_run-1", space = "_space-MNI152NLin6Asym_res-2";
  put(run + space + "_desc-preproc_bold.nii.gz");
  put(run + space + "_desc-preproc_bold.json");
  put(run + space + "_desc-brain_mask.nii.gz");
  put(run + "_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz");
  put(run + "_desc-brain_mask.nii.gz");
  put("sub-2/func/sub-2_task-rest" + space + "_desc-preproc_bold.nii.gz");
  put("sub-2/func/sub-2_task-rest_desc-brain_mask.nii.gz");  // on another grid
  const auto scans = list_scans(settings(Layout::kBids));
  ASSERT_EQ(scans.size(), 2u);
  EXPECT_EQ(scans[0].session, "b");
  EXPECT_EQ(scans[0].mask, run + space + "_desc-brain_mask.nii.gz");
  EXPECT_EQ(scans[0].sidecar, run + space + "_desc-preproc_bold.json");
  EXPECT_EQ(scans[1].session + scans[1].mask + scans[1].sidecar, "");
}

TEST_F(LayoutTest, BidsSidecarsAreInherited) {
  const std::string root = "task-rest_bold.json", subject = "sub-1/sub-1_task-rest_bold.json";
  const std::string session = "sub-1/ses-b/sub-1_ses-b_task-rest_bold.json",
                    run = "sub-1/ses-b/func/sub-1_ses-b_task-rest";
  const std::string own = run + "_run-1_space-MNI152NLin6Asym_desc-preproc_bold.json";
  const auto write = [&](const std::string& file, const std::string& json) {
    put(file);
    write_file(directory_ / file, json);
  };
  const std::string with_time = R"({"RepetitionTime": 2})";
  const auto sidecar = [&] { return list_scans(settings(Layout::kBids)).front().sidecar; };
  put(run + "_run-1_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz");
  EXPECT_EQ(sidecar(), "");
  write("bold.json", with_time);
  EXPECT_EQ(sidecar(), "bold.json");
  write("task-nback_bold.json", with_time);
  write("task-rest_events.json", with_time);
  write(root, with_time);
  EXPECT_EQ(sidecar(), root);  // more entities
  write(subject, with_time);
  EXPECT_EQ(sidecar(), subject);
  write(session, with_time);
  EXPECT_EQ(sidecar(), session);
  write("sub-1/ses-b/func/sub-1_ses-b_task-rest_run-2_bold.json", with_time);
  write(run + "_bold.json", with_time);
  EXPECT_EQ(sidecar(), run + "_bold.json");
  write(own, with_time);
  EXPECT_EQ(sidecar(), own);
  // A sidecar without the key: the next one is used; one that cannot be read is reported for the scan.
  write(own, R"({"SkullStripped": false})");
  EXPECT_EQ(sidecar(), run + "_bold.json");
  for (const char* broken : {"not JSON", "[]", R"({"RepetitionTime": "2"})", R"({"RepetitionTime": null})"}) {
    write(run + "_bold.json", broken);
    EXPECT_EQ(sidecar(), run + "_bold.json") << broken;
  }
  write(run + "_bold.json", "{}");
  EXPECT_EQ(sidecar(), session);
  for (const std::string& file : {session, subject, root, std::string("bold.json")}) fs::remove(directory_ / file);
  EXPECT_EQ(sidecar(), own);
}

TEST_F(LayoutTest, BidsTakesSmoothedImagesLast) {
  const auto image = [](const std::string& id, const std::string& desc) {
    return "sub-" + id + "/func/sub-" + id + "_task-rest_space-MNI152NLin6Asym_desc-" + desc + "_bold.nii.gz";
  };
  for (const char* id : {"1", "2"}) put(image(id, "denoisedSmoothed"));
  EXPECT_EQ(listed(settings(Layout::kBids)),
            (Lines{"sub-1||" + image("1", "denoisedSmoothed"), "sub-2||" + image("2", "denoisedSmoothed")}));
  put(image("1", "denoised"));
  EXPECT_EQ(listed(settings(Layout::kBids)),
            (Lines{"sub-1||" + image("1", "denoised"), "!sub-2||" + image("2", "denoisedSmoothed")}));
}

TEST_F(LayoutTest, BidsTakesOneSpaceForTheWholeCohort) {
  const auto image = [](const std::string& id, const std::string& space) {
    return "sub-" + id + "/func/sub-" + id + "_task-rest_" + space + "desc-preproc_bold.nii.gz";
  };
  const std::string common = "space-MNI152NLin2009cAsym_res-2_", preferred = "space-MNI152NLin6Asym_res-02_";
  for (const char* id : {"1", "2", "3", "4"}) put(image(id, common));
  for (const char* id : {"1", "2", "3"}) put(image(id, preferred));
  put(image("2", ""));
  // Three of four have the preferred one: the fourth is refused, and never replaced by an image of another space.
  EXPECT_EQ(listed(settings(Layout::kBids)),
            (Lines{"sub-1||" + image("1", preferred), "sub-2||" + image("2", preferred),
                   "sub-3||" + image("3", preferred), "!sub-4||" + image("4", common)}));
  EXPECT_NE(reason().find("no image with space-MNI152NLin6Asym_res-2, which most scans have"), std::string::npos);
  // One of four is too few to lose the others for it.
  for (const char* id : {"2", "3"}) fs::remove(directory_ / image(id, preferred));
  EXPECT_EQ(listed(settings(Layout::kBids)), (Lines{"sub-1||" + image("1", common), "sub-2||" + image("2", common),
                                                    "sub-3||" + image("3", common), "sub-4||" + image("4", common)}));
}

TEST_F(LayoutTest, BidsNamesThatContradictTheirFolderAreBad) {
  put("sub-1/func/sub-2_task-rest_desc-preproc_bold.nii.gz");
  put("sub-1/ses-1/func/sub-1_ses-2_task-rest_desc-preproc_bold.nii.gz");
  ListSettings native = settings(Layout::kBids);
  native.bids_space = "native";
  for (const ScanEntry& scan : list_scans(native)) {
    EXPECT_EQ(scan.participant_id, "sub-1");
    EXPECT_EQ(scan.reason, "its name says another participant or session than its folder");
  }
  put("sub-3/func/sub-3_task-rest_desc-preproc_bold.nii");
  put("sub-3/func/sub-3_task-rest_desc-preproc_bold.nii.gz");
  EXPECT_EQ(list_scans(native).back().reason, "a second image of the same run and space");
}

TEST_F(LayoutTest, PatternWithRuns) {
  put("data/s1/ses1/bold.nii");
  put("data/s1/ses2/bold.nii");
  put("data/s1/ses2/other.nii");
  put("data/s2/bold.nii");
  put("other/s3/ses1/bold.nii");
  ListSettings by_pattern = settings(Layout::kFlat);
  by_pattern.pattern = "data/{subject}/ses{run}/bold.nii";
  EXPECT_EQ(listed(by_pattern), (Lines{"s1|1|data/s1/ses1/bold.nii", "s1|2|data/s1/ses2/bold.nii"}));
  EXPECT_EQ(by_pattern.layout_name(), "pattern");
}

TEST_F(LayoutTest, PatternThatCanBeReadTwiceIsNotGuessed) {
  put("a_b_c.nii");
  put("a_1.nii");
  put("a_.b.nii");  // only one reading has ids
  ListSettings by_pattern = settings(Layout::kFlat);
  by_pattern.pattern = "{subject}_{run}.nii";
  EXPECT_EQ(listed(by_pattern), (Lines{"!a|.b|a_.b.nii", "a|1|a_1.nii", "!a|b_c|a_b_c.nii"}));
  EXPECT_NE(scans_[0].reason.find("'.b' is not the name of a run"), std::string::npos) << scans_[0].reason;
  EXPECT_NE(scans_[2].reason.find("2 ways, as participant 'a' with run 'b_c' or 'a_b' with 'c'"), std::string::npos);
}

TEST_F(LayoutTest, TheSameRunTwiceIsBad) {
  put("x/s1_r1.nii");
  put("y/s1_r1.nii");
  ListSettings by_pattern = settings(Layout::kFlat);
  by_pattern.pattern = "{run}/{subject}_r1.nii";
  EXPECT_EQ(listed(by_pattern), (Lines{"s1|x|x/s1_r1.nii", "s1|y|y/s1_r1.nii"}));
  put("1000002_20227_2_0/fMRI/filtered_func_data_clean_MNI.nii.gz");
  put("s1.nii.gz");
  put("s1.nii");
  EXPECT_EQ(listed(settings(Layout::kFlat)), (Lines{"s1||s1.nii", "!s1||s1.nii.gz"}));
}

TEST_F(LayoutTest, LinksAreFollowedAndBrokenOnesReported) {
  put("store/x.nii.gz");
  fs::create_directories(directory_ / "in");
  fs::create_symlink(directory_ / "store/x.nii.gz", directory_ / "in/s1.nii.gz");
  fs::create_symlink(directory_ / "store/fetched-later.nii.gz", directory_ / "in/s2.nii.gz");
  ListSettings in = settings(Layout::kFlat);
  in.input = directory_ / "in";
  EXPECT_EQ(listed(in), (Lines{"s1||s1.nii.gz", "!s2||s2.nii.gz"}));
  EXPECT_NE(reason().find("link to a file that is not there"), std::string::npos);
  // Folders of participants are often links too.
  put("elsewhere/fMRI/filtered_func_data_clean_MNI.nii.gz");
  fs::create_directory_symlink(directory_ / "elsewhere", directory_ / "in/1000001");
  in.layout = Layout::kUkb;
  EXPECT_EQ(listed(in), Lines{"1000001||1000001/fMRI/filtered_func_data_clean_MNI.nii.gz"});
}

TEST_F(LayoutTest, AnEmptyResultSaysWhatThereIs) {
  put("100307/MNINonLinear/Results/rfMRI_REST1_LR/rfMRI_REST1_LR_hp2000_clean.nii.gz");
  for (const Layout layout : {Layout::kFlat, Layout::kUkb, Layout::kBids}) {
    expect_error<DataError>([&] { list_scans(settings(layout)); },
                            {"holds no scan", "found 1 scans", "hp2000_clean.nii.gz", "try layout=hcp"});
  }
  fs::remove_all(directory_ / "100307");
  put("sub-1/func/sub-1_task-movie_space-MNI152Lin_desc-preproc_bold.nii.gz");
  expect_error<DataError>([&] { list_scans(settings(Layout::kBids)); }, {"1 scans of other tasks", "bids_task"});
  fs::remove_all(directory_ / "sub-1");
  put("p7/scan12/rest.nii.gz");
  expect_error<DataError>([&] { list_scans(settings(Layout::kHcp)); },
                          {"found 1 NIfTI files such as 'p#/scan##/rest.nii.gz'", "pattern="});
  put("1000001.zip");
  expect_error<DataError>([&] { list_scans(settings(Layout::kUkb)); },
                          {"found 1 archives such as '#######.zip'", "unpack"});
}

TEST_F(LayoutTest, TablesThatGoWithALayout) {
  EXPECT_EQ(default_table(settings(Layout::kBids)), "");
  put("derivatives/fmriprep/sub-1/func/x");
  put("participants.tsv");
  ListSettings bids = settings(Layout::kBids);
  EXPECT_EQ(default_table(bids), directory_ / "participants.tsv");
  for (const char* input : {"derivatives/fmriprep", "derivatives/fmriprep/"}) {
    bids.input = directory_ / input;
    EXPECT_EQ(default_table(bids), directory_ / "participants.tsv");
  }
  EXPECT_EQ(default_table(settings(Layout::kUkb)), "");
  put("phenotypes.csv");
  EXPECT_EQ(default_table(settings(Layout::kUkb)), directory_ / "phenotypes.csv");
}

TEST(LayoutNames, WordsAndSpaces) {
  for (const Layout layout : {Layout::kFlat, Layout::kUkb, Layout::kHcp, Layout::kBids})
    EXPECT_EQ(parse_layout(name_of(layout)), layout);
  expect_error<UsageError>([] { parse_layout("hpc"); }, {"'hpc'", "flat, ukb, hcp, bids or tables"});
  expect_error<UsageError>([] { parse_space("t1w"); }, {"'t1w'", "auto, mni or native"});
  EXPECT_TRUE((ListSettings{.input = {}, .layout = Layout::kUkb}.wants_mni()));
  EXPECT_FALSE((ListSettings{.input = {}, .layout = Layout::kBids}.wants_mni()));
  EXPECT_FALSE((ListSettings{.input = {}, .layout = Layout::kHcp, .space = SpaceChoice::kNative}.wants_mni()));
  EXPECT_TRUE((ListSettings{.input = {}, .space = parse_space("mni")}.wants_mni()));
}

}  // namespace
}  // namespace brainmt::prepare
