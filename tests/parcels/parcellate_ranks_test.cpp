// `parcellate` of a cohort on several ranks and in shards: the same bytes; what it refuses.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "io/quarantine.hpp"
#include "made_atlas.hpp"
#include "parcels/bids_series.hpp"
#include "parcels/parcellate.hpp"
#include "support/expect_error.hpp"
#include "support/shared_directory.hpp"

namespace brainmt::parcels {
namespace {

using test::expect_error;
using test::rank_of_world;
using test::read_file;

constexpr std::size_t kScans = 7;

class Parcellate : public testing::Test {
 protected:
  Parcellate() {
    test::write_made_cohort(MPI_COMM_WORLD, cohort_, kScans);
    if (rank_of_world() == 0)
      test::MadeAtlas({21, 20, 19}, test::centred({21, 20, 19}, 2)).write(directory_ / "atlas.nii.gz");
    MPI_Barrier(MPI_COMM_WORLD);
    settings_.atlas.atlas = (directory_ / "atlas.nii.gz").string();
    settings_.program = "test";
    settings_.max_missing = 1;
  }
  std::string made(const std::string& name, MPI_Comm comm = MPI_COMM_WORLD) const {
    parcellate_cohort(settings_, io::Cohort(cohort_), directory_ / name, comm);
    MPI_Barrier(MPI_COMM_WORLD);
    return read_file(directory_ / name);
  }

  const test::SharedDirectory directory_;
  const std::filesystem::path cohort_ = directory_ / "cohort.h5";
  ParcellateSettings settings_;
};

TEST_F(Parcellate, TheBytesDoNotDependOnRanksAndShards) {
  const std::string whole = made("all.h5");
  if (rank_of_world() == 0) {
    parcellate_cohort(settings_, io::Cohort(cohort_), directory_ / "one.h5", MPI_COMM_SELF);
    EXPECT_TRUE(read_file(directory_ / "one.h5") == whole) << "one rank";
  }
  for (std::size_t k = 1; k <= 3; ++k) {
    ParcellateSettings shard = settings_;
    shard.shard = {k, 3};
    EXPECT_FALSE(parcellate_cohort(shard, io::Cohort(cohort_), directory_ / "all3.h5", MPI_COMM_WORLD).was_complete);
    EXPECT_TRUE(parcellate_cohort(shard, io::Cohort(cohort_), directory_ / "all3.h5", MPI_COMM_WORLD).was_complete);
  }
  merge_parcel_shards(directory_ / "all3.h5", 3, false, MPI_COMM_WORLD);
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_TRUE(read_file(directory_ / "all3.h5") == whole) << "three shards";
  EXPECT_EQ(directory_.entries(), 2 + 2 + 1 + 3) << "a temporary file was left";
  const io::Cohort parcels(directory_ / "all.h5");
  EXPECT_NO_THROW(parcels.verify());
  ASSERT_NE(parcels.parcels(), nullptr);
  EXPECT_EQ(parcels.scans().size(), kScans);
  EXPECT_EQ(
      parcels.layout().processing,
      R"({"fill":"lowest","parcellate":{"stat":"mean","min_coverage":0.5,"units":"normalized","resampled":true}})");
  EXPECT_EQ(std::get<std::vector<double>>(parcels.phenotype("age")->values)[6], 46);
}

TEST_F(Parcellate, ParcelsBelowTheThresholdAreMissingThroughout) {
  settings_.min_coverage = 0.8;
  made("p.h5");
  const io::Cohort cohort(directory_ / "p.h5");
  std::size_t dropped = 0, kept = 0;
  for (std::size_t s = 0; s < kScans; ++s) {
    const std::size_t count = cohort.parcels()->size();
    std::vector<float> series(cohort.scans()[s].frames * count);
    cohort.read_series(s, 0, series, io::Cohort::Verify::kYes);
    for (std::size_t i = 0; i < series.size(); ++i) {
      const bool low = cohort.parcel_coverage(s)[i % count] < 0.8 || cohort.parcel_voxels(s)[i % count] == 0;
      ASSERT_EQ(std::isnan(series[i]), low) << s << " " << i;
      ++(low ? dropped : kept);
    }
  }
  EXPECT_GT(dropped, 0u);
  EXPECT_GT(kept, 0u);
}

TEST_F(Parcellate, OriginalUnitsUndoTheZScores) {
  made("z.h5");
  settings_.original_units = true;
  made("o.h5");
  const io::Cohort z(directory_ / "z.h5"), original(directory_ / "o.h5");
  EXPECT_EQ(original.layout().normalization, "none");
  std::vector<float> a(z.scans()[1].frames * z.parcels()->size()), b(a.size());
  z.read_series(1, 0, a, io::Cohort::Verify::kYes);
  original.read_series(1, 0, b, io::Cohort::Verify::kYes);
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!std::isnan(a[i])) ASSERT_FLOAT_EQ(b[i], a[i] * 10 + 100);
}

TEST_F(Parcellate, ScansInQuarantineAreLeftOut) {
  if (rank_of_world() == 0) {
    const io::Cohort cohort(cohort_);
    io::write_quarantine(cohort_, cohort.scans(), {{2, 0, "test"}});
  }
  MPI_Barrier(MPI_COMM_WORLD);
  made("p.h5");
  const io::Cohort parcels(directory_ / "p.h5");
  ASSERT_EQ(parcels.scans().size(), kScans - 1);
  EXPECT_EQ(parcels.scans()[2].participant_id, "sub-03");
  EXPECT_EQ(std::get<std::vector<double>>(parcels.phenotype("age")->values)[2], 43);
}

TEST_F(Parcellate, WhatDoesNotFitIsRefusedOnAllRanks) {
  made("p.h5");
  expect_error<UsageError>(
      [&] { parcellate_cohort(settings_, io::Cohort(directory_ / "p.h5"), directory_ / "q.h5", MPI_COMM_WORLD); },
      {"p.h5", "holds the parcels of atlas already"});
  settings_.max_missing = 0;
  settings_.min_coverage = 1;
  expect_error<DataError>([&] { made("q.h5"); }, {"not covered in any of 7 scans", "max_missing=0"});
  EXPECT_FALSE(std::filesystem::exists(directory_ / "q.h5"));
  settings_.shard = {8, 9};
  expect_error<UsageError>([&] { made("q.h5"); }, {"shard=8/9", "only 7 scans"});
  expect_error<UsageError>([&] { merge_parcel_shards(directory_ / "p.h5", 2, /*overwrite=*/false, MPI_COMM_WORLD); },
                           {"2 of 2 shards are missing"});
}

TEST_F(Parcellate, ADamagedScanEndsAllRanksAndLeavesNothing) {
  const auto at = io::Hdf5Reader(cohort_).locate("frames", io::half_type()).offset;
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank_of_world() == 0) {
    std::string bytes = read_file(cohort_);
    bytes[at + 100] = static_cast<char>(bytes[at + 100] ^ 1);
    test::write_file(cohort_, bytes);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  expect_error<DataError>([&] { made("p.h5"); }, {"cohort.h5' is damaged: frame 0 of scan 0", "quarantine"});
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_EQ(directory_.entries(), 2);
}

TEST_F(Parcellate, TablesOfEachScanInBids) {
  const auto out = directory_ / "bids";
  const ParcellateSummary summary = parcellate_to_bids(settings_, io::Cohort(cohort_), out, MPI_COMM_WORLD);
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_EQ(summary.scans, kScans);
  for (std::size_t s = 0; s < kScans; ++s) {
    const std::string stem = fmt::format("sub-0{0}/func/sub-0{0}_task-rest_atlas-atlas_stat-mean_timeseries", s);
    const std::string table = read_file(out / (stem + ".tsv"));
    EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(table, '\n')),
              test::made_layout(kScans).scans[s].frames + 1)
        << s;
    EXPECT_TRUE(std::filesystem::exists(out / (stem + ".json")));
  }
  EXPECT_TRUE(std::filesystem::exists(out / "atlas-atlas_dseg.nii.gz"));
  EXPECT_TRUE(is_own_folder(out));
  EXPECT_FALSE(is_own_folder(directory_.path()));
  if (rank_of_world() != 0) return;
  const Atlas written = read_atlas(out / "atlas-atlas_dseg.nii.gz", out / "atlas-atlas_dseg.tsv", false);
  EXPECT_EQ(written.affine, test::centred({14, 13, 12}, 3));
}

TEST(BidsStem, TakesEntitiesFromTheRun) {
  const auto stem = [](const std::string& id, const std::string& run) {
    return bids_stem({.participant_id = id, .source = "x", .run = run});
  };
  EXPECT_EQ(stem("sub-01", ""), "sub-01_task-rest");
  EXPECT_EQ(stem("1234_5", ""), "sub-12345_task-rest");
  EXPECT_EQ(stem("sub-01", "ses-2_run-1"), "sub-01_ses-2_task-rest_run-1");
  EXPECT_EQ(stem("sub-01", "ses-2_task-nback_acq-mb"), "sub-01_ses-2_task-nback_acq-mb");
  EXPECT_EQ(stem("100307", "REST1_LR"), "sub-100307_task-rest_acq-REST1LR");
}

}  // namespace
}  // namespace brainmt::parcels
