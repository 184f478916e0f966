// Tables of series become parcel cohorts, with what preparing scans of voxels has too.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "comm/mpi_communicator.hpp"
#include "io/cohort.hpp"
#include "prepare/report.hpp"
#include "small_cohort.hpp"
#include "support/cifti_bytes.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using test::SharedDirectory;
using test::write_file;

float value_at(int scan, int frame, int parcel) {
  return static_cast<float>(100 * scan + 10 * parcel) + 0.25f * static_cast<float>(frame);
}

struct TableText {
  int frames = 6;
  std::vector<int> order{0, 1, 2};  // parcels as the columns have them
  std::vector<int> empty{};         // parcels without a value
  std::vector<int> empty_frames{};
};

const std::vector<std::string> kNames{"LH_Vis", "RH_Vis", "LH_Default"};

bool holds(const std::vector<int>& values, int x) { return std::ranges::count(values, x) > 0; }

std::string text_of(int scan, const TableText& table) {
  std::string text;
  for (const int p : table.order) text += (text.empty() ? "" : "\t") + kNames[static_cast<std::size_t>(p)];
  text += "\n";
  for (int t = 0; t < table.frames; ++t) {
    std::string row;
    for (const int p : table.order) {
      const bool missing = holds(table.empty, p) || holds(table.empty_frames, t);
      row += (row.empty() ? "" : "\t") + (missing ? "n/a" : fmt::format("{}", value_at(scan, t, p)));
    }
    text += row + "\n";
  }
  return text;
}

class Tables : public testing::Test {
 protected:
  PrepareConfig config_of(Layout layout = Layout::kTables) const {
    PrepareConfig config;
    config.list.input = folder_ / "in";
    config.list.layout = layout;
    config.output = folder_ / "parcels.h5";
    return config;
  }
  void write(const std::string& name, const std::string& text) const {
    on_rank_0([&] {
      std::filesystem::create_directories((folder_ / "in" / name).parent_path());
      write_file(folder_ / "in" / name, text);
    });
  }
  std::vector<float> series(const io::Cohort& cohort, std::size_t scan) const {
    std::vector<float> values(cohort.scans()[scan].frames * cohort.parcels()->size());
    cohort.read_series(scan, 0, values, io::Cohort::Verify::kYes);
    return values;
  }
  std::string report() const { return test::read_file(report_path(folder_ / "parcels.h5")); }
  SharedDirectory folder_;
};

TEST_F(Tables, BecomeAParcelCohortInOneOrderOfColumns) {
  write("s1.tsv", text_of(1, {}));
  write("s1.json", "{\"RepetitionTime\": 0.8}");
  write("s2.tsv", text_of(2, {.frames = 4, .order = {2, 0, 1}}));
  write("s3.tsv", text_of(3, {.empty = {1}}));
  write("phenotypes.csv", "participant_id,age\ns1,30\ns2,40\ns3,50\ns4,60\n");
  const PrepareSummary summary = prepare(config_of(), MPI_COMM_WORLD);
  EXPECT_EQ(summary.used, 3u);
  EXPECT_EQ(summary.missing_parcels, 1u);
  const io::Cohort cohort(folder_ / "parcels.h5");
  ASSERT_NE(cohort.parcels(), nullptr);
  EXPECT_EQ(cohort.parcels()->name, kNames);
  EXPECT_EQ(cohort.parcels()->hemisphere, (std::vector<std::string>{"L", "R", "L"}));
  EXPECT_EQ(cohort.layout().layout, "tables");
  EXPECT_DOUBLE_EQ(cohort.scans()[0].repetition_time, 0.8);
  for (std::size_t s = 0; s < 3; ++s) {
    const std::vector<float> values = series(cohort, s);
    ASSERT_EQ(values.size(), s == 1 ? 12u : 18u);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const int t = static_cast<int>(i / 3), p = static_cast<int>(i % 3);
      if (s == 2 && p == 1)
        EXPECT_TRUE(std::isnan(values[i]));
      else
        EXPECT_EQ(values[i], value_at(static_cast<int>(s) + 1, t, p));
    }
  }
  EXPECT_EQ(std::get<std::vector<double>>(cohort.phenotype("age")->values), (std::vector<double>{30, 40, 50}));
}

TEST_F(Tables, RefuseOtherParcelsWithTheFirstFile) {
  write("s1.tsv", text_of(1, {}));
  write("s2.tsv", text_of(2, {.order = {0, 1}}));
  write("s3.tsv", text_of(3, {}));
  expect_error<DataError>([&] { prepare(config_of(), MPI_COMM_WORLD); },
                          {"1 of 3 scans", "'s2.tsv'", "has 2 parcels", "'s1.tsv'", "lacks 'LH_Default'"});
  PrepareConfig lenient = config_of();
  lenient.max_bad = 0.5;
  EXPECT_EQ(prepare(lenient, MPI_COMM_WORLD).used, 2u);
}

TEST_F(Tables, LeaveOutCensoredAndEmptyFrames) {
  write("s1.tsv", text_of(1, {.empty_frames = {3}}));
  write("s1_motion.tsv", "framewise_displacement\nn/a\n0.1\n0.9\n0.1\n0.1\n0.1\n");
  PrepareConfig config = config_of();
  config.processing.censor_fd = 0.5;
  prepare(config, MPI_COMM_WORLD);
  const io::Cohort cohort(folder_ / "parcels.h5");
  const std::vector<float> values = series(cohort, 0);
  ASSERT_EQ(values.size(), 12u);
  EXPECT_EQ(values[6], value_at(1, 4, 0));
  EXPECT_NEAR(cohort.scans()[0].mean_fd, 0.26, 1e-12);
  EXPECT_NE(report().find("\t2\t"), std::string::npos) << report();
}

TEST_F(Tables, AreResampledInTime) {
  write("s1.tsv", text_of(1, {.frames = 9}));
  write("s1.json", "{\"RepetitionTime\": 1}");
  PrepareConfig config = config_of();
  config.processing.tr = 2;
  prepare(config, MPI_COMM_WORLD);
  const io::Cohort cohort(folder_ / "parcels.h5");
  EXPECT_EQ(cohort.scans()[0].frames, 5u);
  EXPECT_EQ(cohort.scans()[0].repetition_time, 2.0);
}

TEST_F(Tables, RefuseAParcelWithoutSomeOfItsValues) {
  std::string text = text_of(1, {});
  text.replace(text.find("\n100.25"), 7, "\nn/a");
  write("s1.tsv", text);
  expect_error<DataError>([&] { prepare(config_of(), MPI_COMM_WORLD); },
                          {"parcel 'LH_Vis' has no value in 1 of 6 frames"});
}

TEST_F(Tables, OfXcpDAreReadByTheirNames) {
  const std::string stem = "sub-1/ses-a/func/sub-1_ses-a_task-rest_run-2";
  write(stem + "_space-MNI152NLin6Asym_seg-4S156Parcels_stat-mean_timeseries.tsv", text_of(1, {}));
  write(stem + "_space-MNI152NLin6Asym_seg-4S156Parcels_stat-coverage_bold.tsv",
        "Node\tcoverage\nLH_Vis\t0.75\nRH_Vis\t1\nLH_Default\tn/a\n");
  write(stem + "_space-MNI152NLin6Asym_seg-Glasser_stat-mean_timeseries.tsv", "other\n1\n2\n");
  write(stem + "_space-MNI152NLin6Asym_desc-denoised_bold.json", "{\"RepetitionTime\": 1.5}");
  write(stem + "_motion.tsv", "framewise_displacement\n0.1\n0.3\n");
  write(stem + "_desc-confounds_timeseries.tsv", "framewise_displacement\n5\n");
  write("participants.tsv", "participant_id\tsex\nsub-1\tF\n");
  expect_error<DataError>([&] { prepare(config_of(), MPI_COMM_WORLD); },
                          {"'4S156Parcels' (1 runs)", "'Glasser' (1 runs)", "bids_atlas="});
  PrepareConfig config = config_of();
  config.list.bids_atlas = "4S156Parcels";
  prepare(config, MPI_COMM_WORLD);
  const io::Cohort cohort(folder_ / "parcels.h5");
  const io::CohortScan& scan = cohort.scans()[0];
  EXPECT_EQ(scan.participant_id, "sub-1");
  EXPECT_EQ(scan.run, "ses-a_run-2");
  EXPECT_EQ(scan.repetition_time, 1.5);
  EXPECT_NEAR(scan.mean_fd, 0.2, 1e-12);  // of all frames, also of those that the table leaves out
  EXPECT_EQ(cohort.parcels()->atlas, "4S156Parcels");
  EXPECT_EQ(cohort.parcels()->space, "MNI152NLin6Asym");
  EXPECT_EQ(cohort.parcel_coverage(0)[0], 0.75);
  EXPECT_TRUE(std::isnan(cohort.parcel_coverage(0)[2]));
}

TEST_F(Tables, MayBeCifti) {
  test::CiftiBytes bytes;
  write("s1.ptseries.nii", bytes.bytes());
  bytes.parcels_fastest = true;
  write("s2.ptseries.nii", bytes.bytes());
  prepare(config_of(), MPI_COMM_WORLD);
  const io::Cohort cohort(folder_ / "parcels.h5");
  EXPECT_DOUBLE_EQ(cohort.scans()[0].repetition_time, 0.72);
  EXPECT_EQ(series(cohort, 0), series(cohort, 1));
}

TEST_F(Tables, AreFoundByAPattern) {
  write("s1/REST1.csv", "a,b\n1,2\n3,5\n");
  write("s1/REST2.csv", "b,a\n1,2\n3,5\n");
  PrepareConfig config = config_of(Layout::kFlat);
  config.list.pattern = "{subject}/{run}.csv";
  prepare(config, MPI_COMM_WORLD);
  const io::Cohort cohort(folder_ / "parcels.h5");
  ASSERT_EQ(cohort.scans().size(), 2u);
  EXPECT_EQ(cohort.scans()[1].run, "REST2");
  EXPECT_EQ(series(cohort, 1), (std::vector<float>{2, 1, 5, 3}));
}

TEST_F(Tables, InShardsHoldTheSameSeries) {
  for (int s = 0; s < 7; ++s) write(fmt::format("s{}.tsv", s), text_of(s, {.frames = 4 + s}));
  prepare(config_of(), MPI_COMM_WORLD);
  const io::Cohort whole(folder_ / "parcels.h5");
  PrepareConfig config = config_of();
  config.output = folder_ / "parts.h5";
  for (std::int64_t k = 1; k <= 3; ++k) {
    config.shard = {k, 3};
    EXPECT_FALSE(prepare(config, MPI_COMM_WORLD).already_complete);
    EXPECT_TRUE(prepare(config, MPI_COMM_WORLD).already_complete);
  }
  comm::MpiCommunicator world(MPI_COMM_WORLD);
  merge_shards(folder_ / "parts.h5", 3, world);
  const io::Cohort merged(folder_ / "parts.h5");
  ASSERT_EQ(merged.scans().size(), 7u);
  for (std::size_t s = 0; s < 7; ++s) EXPECT_EQ(series(merged, s), series(whole, s));
}

TEST_F(Tables, ContinueFromStagedOnesAfterAFailure) {
  write("s1.tsv", text_of(1, {}));
  write("s2.tsv", "LH_Vis\n1\n2\n");
  write("s3.tsv", text_of(3, {}));
  expect_error<DataError>([&] { prepare(config_of(), MPI_COMM_WORLD); }, {"1 of 3 scans"});
  write("s2.tsv", text_of(2, {}));
  EXPECT_EQ(prepare(config_of(), MPI_COMM_WORLD).reused, 2u);
}

}  // namespace
}  // namespace brainmt::prepare
