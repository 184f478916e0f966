// A cohort prepared in shards and merged holds the dense windows of the one that is prepared at once.
#include <gtest/gtest.h>

#include <map>

#include "base/error.hpp"
#include "comm/mpi_communicator.hpp"
#include "io/cohort.hpp"
#include "io/table.hpp"
#include "prepare/scan_list.hpp"
#include "small_cohort.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using test::SharedDirectory;

TEST(Shard, IsReadFromItsNumbers) {
  EXPECT_TRUE(parse_shard("").whole());
  EXPECT_EQ(shard_path("a/cohort.h5", parse_shard("3/12")), "a/cohort.shard-003-of-012.h5");
  EXPECT_EQ(shard_path("a/cohort.h5", {}), "a/cohort.h5");
  for (const char* bad : {"0/2", "3/2", "1/1000", "1", "/", "a/b", "1/2/3", "-1/2"}) {
    expect_error<UsageError>([&] { parse_shard(bad); }, {"expected K/N"});
  }
}

TEST(Shard, EveryScanBelongsToOne) {
  std::vector<ScanEntry> scans(11);
  for (const std::size_t s : {2u, 3u, 7u}) scans[s].reject(Dropped::kHeader, "bad");
  std::vector<int> owners(11, 0);
  std::vector<std::size_t> usable(3, 0);
  for (std::int64_t k = 1; k <= 3; ++k) {
    const auto own = scans_of_shard({k, 3}, scans);
    for (std::size_t s = 0; s < 11; ++s) {
      owners[s] += own[s];
      if (own[s] && scans[s].usable()) ++usable[static_cast<std::size_t>(k - 1)];
    }
  }
  EXPECT_EQ(owners, std::vector<int>(11, 1));
  EXPECT_EQ(usable, (std::vector<std::size_t>{3, 3, 2}));
  expect_error<UsageError>([&] { scans_of_shard({9, 9}, scans); }, {"shard=9/9", "8 scans"});
}

TEST(Shard, DecidersOnTheSpaceAreFewAndSpreadOverTheList) {
  EXPECT_EQ(decides_space(5), std::vector<std::uint8_t>(5, 1));
  const auto many = decides_space(6000);
  EXPECT_EQ(std::count(many.begin(), many.end(), 1), 256);
  EXPECT_EQ(many[0], 1);
  EXPECT_GT(std::count(many.begin() + 5900, many.end(), 1), 2);
}

// The dense windows [frame, Y, X, Z] of every scan, by its source.
std::map<std::string, std::vector<std::uint16_t>> dense_windows(const io::Cohort& cohort) {
  std::map<std::string, std::vector<std::uint16_t>> windows;
  for (std::size_t s = 0; s < cohort.scans().size(); ++s) {
    const io::CohortScan& scan = cohort.scans()[s];
    const auto voxels = cohort.voxels_of(s);
    std::vector<std::uint16_t> rows(scan.frames * voxels.size());
    cohort.read_window(s, 0, rows, io::Cohort::Verify::kYes);
    auto& dense = windows[scan.source];
    dense.assign(scan.frames * cohort.layout().grid.voxels(), scan.statistics.fill);
    for (std::size_t t = 0; t < scan.frames; ++t) {
      for (std::size_t k = 0; k < voxels.size(); ++k) {
        dense[t * cohort.layout().grid.voxels() + voxels[k]] = rows[t * voxels.size() + k];
      }
    }
  }
  return windows;
}

TEST(Shard, MergedShardsEqualTheWholeInDenseWindows) {
  const SharedDirectory directory;
  PrepareConfig config = small_cohort(directory, 7);
  prepare(config, MPI_COMM_WORLD);
  const auto whole = dense_windows(io::Cohort(config.output));
  config.output = directory / "parts.h5";
  for (std::int64_t k = 1; k <= 3; ++k) {
    config.shard = {k, 3};
    EXPECT_FALSE(prepare(config, MPI_COMM_WORLD).already_complete);
  }
  EXPECT_TRUE(prepare(config, MPI_COMM_WORLD).already_complete);
  config.min_frames = 2;
  EXPECT_FALSE(prepare(config, MPI_COMM_WORLD).already_complete);
  comm::MpiCommunicator world(MPI_COMM_WORLD);
  const MergeSummary summary = merge_shards(config.output, 3, world);
  EXPECT_EQ(io::Table::read(directory / "parts.report.tsv").rows(), 7u);
  const io::Cohort merged(config.output);
  EXPECT_EQ(merged.scans().size(), 7u);
  EXPECT_EQ(dense_windows(merged), whole);
}

TEST(Shard, MissingShardsAreNamed) {
  const SharedDirectory directory;
  PrepareConfig config = small_cohort(directory, 4);
  config.shard = {2, 4};
  prepare(config, MPI_COMM_WORLD);
  comm::MpiCommunicator world(MPI_COMM_WORLD);
  expect_error<UsageError>([&] { merge_shards(config.output, 4, world); },
                           {"3 of 4 shards are missing: 1,3,4", "cohort.shard-001-of-004.h5"});
}

}  // namespace
}  // namespace brainmt::prepare
