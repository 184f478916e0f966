// The same synthetic cohort under the names of UK Biobank, HCP and BIDS: files, tables, runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.hpp"
#include "io/nifti.hpp"
#include "io/table.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "synth/cohort.hpp"
#include "synth/cohort_files.hpp"

namespace brainmt::synth {
namespace {

using test::expect_error;
using test::read_file;
using test::TemporaryDirectory;
using Names = std::vector<std::string>;

SynthConfig small(const std::filesystem::path& out, Layout layout, int runs = 0) {
  SynthConfig config;
  config.out = out;
  config.subjects = 2;
  config.grid = {9, 11, 10};
  config.frames = 12;
  config.layout = layout;
  config.runs = runs;
  return config;
}

std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[entry.path().lexically_relative(folder).string()] = read_file(entry.path());
  }
  return files;
}

Names file_names(const std::filesystem::path& folder) {
  Names names;
  for (const auto& [name, content] : contents(folder)) names.push_back(name);
  return names;
}

std::vector<float> read_scan(const std::filesystem::path& path) {
  io::NiftiReader reader(path);
  std::vector<float> all, frame(reader.header().frame_voxels());
  while (reader.next_frame(frame)) all.insert(all.end(), frame.begin(), frame.end());
  return all;
}

TEST(SynthLayouts, UkbFilesAndTable) {
  const TemporaryDirectory directory;
  generate_cohort(small(directory / "one", Layout::kUkb), 0, 1);
  EXPECT_EQ(file_names(directory / "one"),
            (Names{"1000001/fMRI/filtered_func_data_clean_MNI.nii.gz",
                   "1000002/fMRI/filtered_func_data_clean_MNI.nii.gz", "atlas.nii.gz", "atlas.tsv", "phenotypes.csv"}));
  const io::Table table = io::Table::read(directory / "one" / "phenotypes.csv");
  EXPECT_EQ(table.names(), (Names{"eid", "31-0.0", "21003-2.0", "54-2.0", "25741-2.0", "20016-2.0"}));
  const Phenotype p = draw_phenotype(small({}, Layout::kUkb), 1);
  EXPECT_EQ(table.text(1, 0), "1000002");
  EXPECT_EQ(table.number(1, 1), p.sex);
  EXPECT_EQ(table.number(1, 2), std::floor(p.age));
  EXPECT_EQ(table.number(1, 3), 11025 + p.site);
  EXPECT_NEAR(*table.number(1, 4), p.mean_fd, 6e-4);
  EXPECT_NEAR(*table.number(1, 5), 6.5 + 2.5 * p.cognition_z, 0.5);
  generate_cohort(small(directory / "two", Layout::kUkb, 2), 0, 1);
  EXPECT_EQ(file_names(directory / "two").front(), "1000001_20227_2_0/fMRI/filtered_func_data_clean_MNI.nii.gz");
  EXPECT_EQ(file_names(directory / "two").size(), 7u);
}

TEST(SynthLayouts, HcpFilesAndTable) {
  const TemporaryDirectory directory;
  generate_cohort(small(directory.path(), Layout::kHcp), 0, 1);
  const std::string first = "100001/MNINonLinear/Results/rfMRI_REST1_LR/";
  const Names names = file_names(directory.path());
  ASSERT_EQ(names.size(), 2 * 2 * 3 + 3u);
  EXPECT_EQ(names[0], first + "Movement_RelativeRMS.txt");
  EXPECT_EQ(names[1], first + "Movement_RelativeRMS_mean.txt");
  EXPECT_EQ(names[2], first + "rfMRI_REST1_LR_hp2000_clean.nii.gz");
  EXPECT_EQ(names[5], "100001/MNINonLinear/Results/rfMRI_REST1_RL/rfMRI_REST1_RL_hp2000_clean.nii.gz");
  const io::Table table = io::Table::read(directory / "phenotypes.csv");
  EXPECT_EQ(table.names(), (Names{"Subject", "Gender", "Age", "PMAT24_A_CR", "CogTotalComp_AgeAdj", "Family_ID"}));
  const Phenotype p = draw_phenotype(small({}, Layout::kHcp), 0);
  EXPECT_EQ(table.text(0, 1), p.sex == 1 ? "M" : "F");
  EXPECT_NEAR(*table.number(0, 4), p.cognition(), 5.1e-3);
  EXPECT_TRUE(table.text(0, 2) == "36+" || table.text(0, 2).find('-') == 2) << table.text(0, 2);
  // Twelve numbers, the first 0, on average the mean beside them.
  const io::Table motion = io::Table::read(directory / (first + "Movement_RelativeRMS.txt"));
  EXPECT_EQ(motion.names().front(), "0.00000000");
  EXPECT_EQ(motion.rows(), 11u);
}

TEST(SynthLayouts, FamiliesOfSeveralSizes) {
  SynthConfig config = small({}, Layout::kHcp);
  config.subjects = 12;
  const std::string table = cohort_files(config).front().content;
  std::map<std::string, int> families;
  for (std::size_t at = 0; (at = table.find(",F0", at)) != std::string::npos; ++at) ++families[table.substr(at + 1, 6)];
  std::map<int, int> sizes;
  for (const auto& [name, size] : families) ++sizes[size];
  EXPECT_EQ(sizes, (std::map<int, int>{{1, 2}, {2, 2}, {3, 2}}));
}

TEST(SynthLayouts, BidsFilesAndTable) {
  const TemporaryDirectory directory;
  generate_cohort(small(directory.path(), Layout::kBids), 0, 1);
  const std::string run = "sub-0001/ses-1/func/sub-0001_ses-1_task-rest_run-1",
                    image = run + "_space-MNI152NLin6Asym_res-2_desc-preproc_bold";
  const Names names = file_names(directory.path());
  for (const std::string& name : {run + "_desc-confounds_timeseries.tsv", image + ".nii.gz", image + ".json",
                                  std::string("participants.tsv"), std::string("dataset_description.json")}) {
    EXPECT_EQ(std::ranges::count(names, name), 1) << name;
  }
  EXPECT_EQ(names.size(), 2 * 2 * 3 + 4u);
  const io::Table table = io::Table::read(directory / "participants.tsv");
  EXPECT_EQ(table.names(), (Names{"participant_id", "age", "sex", "site", "cognition"}));
  const io::Table confounds = io::Table::read(directory / (run + "_desc-confounds_timeseries.tsv"));
  ASSERT_EQ(confounds.rows(), 12u);
  EXPECT_TRUE(confounds.missing(0, 0));
  double sum = 0;
  for (std::size_t t = 1; t < 12; ++t) sum += *confounds.number(t, 0);
  EXPECT_NEAR(sum / 11, draw_phenotype(small({}, Layout::kBids), 0).mean_fd, 1e-7);
}

TEST(SynthLayouts, FirstRunsAreTheFlatCohortAndOthersShareTheHead) {
  const TemporaryDirectory directory;
  generate_cohort(small(directory / "flat", Layout::kFlat), 0, 1);
  const SynthConfig hcp = small(directory / "hcp", Layout::kHcp);
  generate_cohort(hcp, 0, 1);
  EXPECT_EQ(read_file(directory / "flat" / "sub-0002.nii.gz"), read_file(hcp.out / scan_path(hcp, 1, 0)));
  const auto first = read_scan(hcp.out / scan_path(hcp, 1, 0)), second = read_scan(hcp.out / scan_path(hcp, 1, 1));
  ASSERT_EQ(first.size(), second.size());
  std::size_t inside = 0, equal = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    ASSERT_EQ(first[i] == 0, second[i] == 0);
    inside += first[i] != 0 ? 1 : 0;
    equal += first[i] != 0 && first[i] == second[i] ? 1 : 0;
  }
  EXPECT_LT(equal, inside / 100);
}

TEST(SynthLayouts, FilesDoNotDependOnTheNumberOfRanks) {
  for (const Layout layout : {Layout::kUkb, Layout::kHcp, Layout::kBids}) {
    const TemporaryDirectory directory;
    generate_cohort(small(directory / "one", layout), 0, 1);
    for (int rank = 0; rank < 3; ++rank) generate_cohort(small(directory / "three", layout), rank, 3);
    EXPECT_TRUE(contents(directory / "one") == contents(directory / "three"));
  }
}

TEST(SynthLayouts, FullGridsAreInMniSpaceExceptFlat) {
  SynthConfig config = small({}, Layout::kUkb);
  config.grid = {91, 109, 91};
  config.frames = 8;
  const NetworkMaps networks = network_maps(config.grid);
  const std::array<double, 16> mni{-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1};
  EXPECT_EQ(ScanGenerator(config, networks, 0).header().affine, mni);
  config.layout = Layout::kFlat;
  EXPECT_NE(ScanGenerator(config, networks, 0).header().affine, mni);
}

TEST(SynthLayouts, RunsThatALayoutDoesNotHaveAreUsageErrors) {
  expect_error<UsageError>([] { validate(small("x", Layout::kFlat, 2)); }, {"runs is 2, expected 0 to 1"});
  expect_error<UsageError>([] { validate(small("x", Layout::kUkb, 3)); }, {"runs is 3, expected 0 to 2"});
  expect_error<UsageError>([] { validate(small("x", Layout::kHcp, 5)); }, {"runs is 5, expected 0 to 4"});
  expect_error<UsageError>([] { parse_layout("hpc"); }, {"'hpc'", "flat, ukb, hcp or bids"});
}

}  // namespace
}  // namespace brainmt::synth
