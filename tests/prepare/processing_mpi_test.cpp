// Options that change what is stored: crop, fill, censoring, resampling; and what the report and the store say of them.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "io/cohort.hpp"
#include "io/float16.hpp"
#include "io/nifti.hpp"
#include "io/table.hpp"
#include "small_cohort.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using test::SharedDirectory;
using test::write_file;

std::vector<float> stored(const io::Cohort& cohort, std::size_t scan) {
  std::vector<std::uint16_t> halfs(cohort.scans()[scan].frames * cohort.voxels(scan));
  cohort.read_window(scan, 0, halfs, io::Cohort::Verify::kYes);
  std::vector<float> values(halfs.size());
  io::halfs_to_floats(halfs, values);
  return values;
}

TEST(Processing, CroppedStoreIsThatOfCroppedScans) {
  const SharedDirectory directory;
  PrepareConfig config = small_cohort(directory, 3);
  config.processing.crop = parse_crop({1, 8, 2, 9, 0, 10});
  prepare(config, MPI_COMM_WORLD);
  on_rank_0([&] {  // the same voxels cut out of the files beforehand
    std::filesystem::create_directory(directory / "cut");
    for (const auto& entry : std::filesystem::directory_iterator(config.list.input)) {
      if (entry.path().extension() != ".gz") continue;
      io::NiftiReader reader(entry.path());
      std::vector<float> whole(reader.header().frame_voxels());
      io::NiftiHeader header = reader.header();
      header.shape = {7, 7, 10, 8};
      header.type = io::NiftiType::kFloat32;
      header.affine = config.processing.crop->affine(header.affine);
      io::write_nifti_gz(directory / "cut" / entry.path().filename(), header,
                         [&](std::int64_t, std::span<float> frame) {
                           reader.next_frame(whole);
                           std::size_t to = 0;
                           for (std::size_t z = 0; z < 10; ++z) {
                             for (std::size_t y = 2; y < 9; ++y) {
                               for (std::size_t x = 1; x < 8; ++x) frame[to++] = whole[x + 9 * (y + 10 * z)];
                             }
                           }
                         });
    }
  });
  PrepareConfig other = config;
  other.list.input = directory / "cut";
  other.output = directory / "cut.h5";
  other.processing.crop.reset();
  prepare(other, MPI_COMM_WORLD);
  const io::Cohort a(config.output), b(other.output);
  EXPECT_EQ(a.layout().grid, (io::CohortGrid{7, 7, 10}));
  EXPECT_EQ(a.voxels_of(0), b.voxels_of(0));
  for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(a.layout().affine[i], b.layout().affine[i], 1e-5);
  for (std::size_t s = 0; s < 3; ++s) EXPECT_EQ(stored(a, s), stored(b, s));
  EXPECT_EQ(a.layout().processing, R"({"crop":[1,8,2,9,0,10],"fill":"lowest"})");
}

TEST(Processing, CropBeyondTheGridIsRefused) {
  const SharedDirectory directory;
  PrepareConfig config = small_cohort(directory, 2);
  config.processing.crop = parse_crop({0, 10, 0, 10, 0, 11});
  expect_error<UsageError>([&] { prepare(config, MPI_COMM_WORLD); }, {"10x10x11", "9x10x11"});
}

TEST(Processing, FillIsTheNumberAskedForAndNothingElseChanges) {
  const SharedDirectory directory;
  PrepareConfig config = small_cohort(directory, 2);
  prepare(config, MPI_COMM_WORLD);
  PrepareConfig filled = config;
  filled.output = directory / "filled.h5";
  filled.processing.fill = -20;
  prepare(filled, MPI_COMM_WORLD);
  const io::Cohort a(config.output), b(filled.output);
  for (std::size_t s = 0; s < 2; ++s) {
    EXPECT_EQ(io::half_to_float(b.scans()[s].statistics.fill), -20.0f);
    const float lowest = io::half_to_float(a.scans()[s].statistics.fill);
    const auto before = stored(a, s), after = stored(b, s);
    for (std::size_t i = 0; i < before.size(); ++i) {
      ASSERT_TRUE(after[i] == before[i] || (after[i] == -20 && before[i] == lowest)) << i;
    }
  }
}

// Scans with a known series in every voxel: `value(t)`, and a motion file beside each.
PrepareConfig known_series(const SharedDirectory& directory, double tr, std::int64_t frames, double (*value)(double)) {
  on_rank_0([&] {
    std::filesystem::create_directory(directory / "scans");
    for (int s = 1; s <= 2; ++s) {
      io::NiftiHeader header;
      header.shape = {8, 8, 8, frames};
      header.repetition_time = tr;
      header.affine = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
      io::write_nifti_gz(directory / "scans" / fmt::format("s{}.nii.gz", s), header,
                         [&](std::int64_t t, std::span<float> frame) {
                           for (std::size_t v = 0; v < frame.size(); ++v) {
                             frame[v] = v == 0 ? 0.0f : static_cast<float>(value(static_cast<double>(t) * tr) + v);
                           }
                         });
    }
  });
  PrepareConfig config;
  config.list.input = directory / "scans";
  config.output = directory / "cohort.h5";
  config.processing.normalize = Normalize::kNone;
  return config;
}

double slow(double seconds) { return 100 + 40 * std::sin(2 * std::numbers::pi * 0.02 * seconds); }

TEST(Processing, ResamplingReproducesASlowSinusoidAtTheCommonRepetitionTime) {
  const SharedDirectory directory;
  PrepareConfig config = known_series(directory, 2.0, 60, slow);
  config.processing.tr = 0.9;
  const PrepareSummary summary = prepare(config, MPI_COMM_WORLD);
  EXPECT_EQ(summary.frames, 2u * 132);  // 118 s
  const io::Cohort cohort(config.output);
  EXPECT_EQ(cohort.scans()[0].repetition_time, 0.9);
  EXPECT_EQ(cohort.layout().processing, R"({"tr":0.9,"fill":"lowest"})");
  const auto values = stored(cohort, 0);
  for (std::size_t t = 12; t < 120; ++t) {
    // The first voxel inside in the order [Y, X, Z] is (0, 0, 1): the 64th of a frame.
    const double expected = slow(0.9 * static_cast<double>(t)) + 64;
    ASSERT_NEAR(values[t * cohort.voxels(0)], expected, 0.5) << t;
  }
}

TEST(Processing, ScansOfTheCommonRepetitionTimePassBitForBit) {
  const SharedDirectory directory;
  PrepareConfig config = known_series(directory, 2.0, 30, slow);
  prepare(config, MPI_COMM_WORLD);
  const auto plain = stored(io::Cohort(config.output), 0);
  MPI_Barrier(MPI_COMM_WORLD);
  config.processing.tr = 2.0015;
  prepare(config, MPI_COMM_WORLD);
  const io::Cohort cohort(config.output);
  EXPECT_EQ(stored(cohort, 0), plain);
  EXPECT_EQ(cohort.scans()[0].repetition_time, 2.0);
}

TEST(Processing, CensoringNeedsMotionOfEveryScan) {
  const SharedDirectory directory;
  PrepareConfig config = known_series(directory, 2.0, 30, slow);
  config.processing.censor_fd = 0.5;
  expect_error<DataError>([&] { prepare(config, MPI_COMM_WORLD); }, {"2 of 2 scans", "no motion"});
}

}  // namespace
}  // namespace brainmt::prepare
