// Parcels made while scans are prepared: the bits of 'parcellate' on the cohort of voxels, on any ranks, in shards, and
// after a restart.
#include <gtest/gtest.h>

#include "../parcels/made_atlas.hpp"
#include "base/error.hpp"
#include "comm/mpi_communicator.hpp"
#include "io/cohort.hpp"
#include "parcels/parcellate.hpp"
#include "prepare/prepare.hpp"
#include "small_cohort.hpp"

namespace brainmt::prepare {
namespace {

using test::read_file;
using test::SharedDirectory;

constexpr std::size_t kScans = 5;

// An atlas on other voxels than the scans', in the middle of them.
PrepareConfig with_parcels(const SharedDirectory& directory) {
  PrepareConfig config = small_cohort(directory, kScans);
  const auto atlas = directory / "atlas.nii.gz";
  on_rank_0([&] {
    const auto scan = io::read_nifti_header(config.list.input / "sub-0001.nii.gz");
    test::Affine affine = scan.affine;  // 0.7 of the steps, so that labels move
    for (std::size_t row = 0; row < 3; ++row)
      for (std::size_t axis = 0; axis < 3; ++axis) affine[4 * row + axis] *= 0.7;
    test::MadeAtlas made({12, 13, 15}, affine);
    for (std::size_t v = 0; v < made.labels.size(); ++v) made.labels[v] = static_cast<float>(v / 97 % 12);
    made.write(atlas);
  });
  config.atlas = parcels::AtlasSettings{.atlas = atlas.string()};
  config.max_missing = 1;
  return config;
}

std::vector<float> series_of(const io::Cohort& cohort, std::size_t scan) {
  std::vector<float> series(cohort.scans()[scan].frames * cohort.parcels()->size());
  cohort.read_series(scan, 0, series, io::Cohort::Verify::kYes);
  return series;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(std::as_bytes(std::span(a)), std::as_bytes(std::span(b)));
}

TEST(PrepareParcels, AreThoseOfTheCohortOfVoxels) {
  const SharedDirectory directory;
  PrepareConfig config = with_parcels(directory);
  prepare(config, MPI_COMM_WORLD);
  PrepareConfig voxels = config;
  voxels.atlas.reset();
  voxels.output = directory / "voxels.h5";
  prepare(voxels, MPI_COMM_WORLD);
  parcels::ParcellateSettings settings{.atlas = *config.atlas, .max_missing = 1, .program = "test"};
  parcels::parcellate_cohort(settings, io::Cohort(voxels.output), directory / "parcels.h5", MPI_COMM_WORLD);
  MPI_Barrier(MPI_COMM_WORLD);
  const io::Cohort direct(config.output), second(directory / "parcels.h5");
  ASSERT_EQ(direct.scans().size(), kScans);
  EXPECT_EQ(io::parcel_difference(*direct.parcels(), *second.parcels()), "");
  EXPECT_EQ(direct.layout().processing, second.layout().processing);
  std::size_t values = 0;
  for (std::size_t s = 0; s < kScans; ++s) {
    const std::vector<float> a = series_of(direct, s);
    EXPECT_TRUE(same_bits(a, series_of(second, s))) << s;
    EXPECT_TRUE(std::ranges::equal(direct.parcel_voxels(s), second.parcel_voxels(s))) << s;
    EXPECT_TRUE(std::ranges::equal(direct.parcel_coverage(s), second.parcel_coverage(s))) << s;
    EXPECT_EQ(direct.scans()[s].statistics.std, second.scans()[s].statistics.std);
    values += static_cast<std::size_t>(std::ranges::count_if(a, [](float x) { return !std::isnan(x); }));
  }
  EXPECT_GT(values, 100u) << "the atlas covers the head";
  EXPECT_FALSE(std::filesystem::exists(directory / "cohort.h5.staging"));
}

TEST(PrepareParcels, TheBytesDoNotDependOnTheNumberOfRanks) {
  const SharedDirectory directory;
  PrepareConfig config = with_parcels(directory);
  prepare(config, MPI_COMM_WORLD);
  const std::string all = read_file(config.output);
  MPI_Barrier(MPI_COMM_WORLD);
  if (test::rank_of_world() != 0) return;
  config.output = directory / "one.h5";
  prepare(config, MPI_COMM_SELF);
  EXPECT_TRUE(read_file(config.output) == all);
}

TEST(PrepareParcels, StagedParcelsAreUsedAgainAndThoseOfAnotherAtlasAreNot) {
  const SharedDirectory directory;
  PrepareConfig config = with_parcels(directory);
  on_rank_0([&] { test::write_file(config.list.input / "bad.nii.gz", "junk"); });
  on_rank_0([&] { std::filesystem::remove(config.list.input / "phenotypes.csv"); });
  config.max_bad = 0;
  test::expect_error<DataError>([&] { prepare(config, MPI_COMM_WORLD); }, {"max_bad=0"});
  config.max_bad = 0.5;
  MPI_Barrier(MPI_COMM_WORLD);
  PrepareConfig voxels = config;
  voxels.atlas.reset();
  EXPECT_EQ(prepare(config, MPI_COMM_WORLD).reused, kScans);
  const std::string restarted = read_file(config.output);
  config.output = directory / "undisturbed.h5";
  EXPECT_EQ(prepare(config, MPI_COMM_WORLD).reused, 0u);
  EXPECT_TRUE(read_file(config.output) == restarted);
}

TEST(PrepareParcels, ShardsAreOneCohort) {
  const SharedDirectory directory;
  PrepareConfig config = with_parcels(directory);
  prepare(config, MPI_COMM_WORLD);
  const std::filesystem::path whole = config.output;
  config.output = directory / "sharded.h5";
  for (std::int64_t k = 1; k <= 3; ++k) {
    config.shard = {k, 3};
    EXPECT_FALSE(prepare(config, MPI_COMM_WORLD).already_complete);
    EXPECT_TRUE(prepare(config, MPI_COMM_WORLD).already_complete);
  }
  comm::MpiCommunicator comm(MPI_COMM_WORLD);
  merge_shards(config.output, 3, comm);
  MPI_Barrier(MPI_COMM_WORLD);
  const io::Cohort one(whole), three(config.output);
  ASSERT_EQ(three.scans().size(), kScans);
  for (std::size_t s = 0; s < kScans; ++s) {
    EXPECT_EQ(three.scans()[s].source, one.scans()[s].source);
    EXPECT_TRUE(same_bits(series_of(one, s), series_of(three, s))) << s;
  }
}

}  // namespace
}  // namespace brainmt::prepare
