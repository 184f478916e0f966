// Parcels of one image: against the same scan in a cohort, background, damage, weights.
#include "parcels/image_parcels.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "made_atlas.hpp"
#include "parcels/bids_series.hpp"
#include "parcels/packed_parcels.hpp"
#include "support/expect_error.hpp"

namespace brainmt::parcels {
namespace {

using test::expect_error;

class ImageParcels : public testing::Test {
 protected:
  ImageParcels() {
    atlas_.write(directory_ / "atlas.nii.gz");
    read_ = read_atlas(directory_ / "atlas.nii.gz", {}, false);
    parcels_ = regrid(read_, grid_);
  }

  // A 4-D scan of float32 in which voxel v of frame t is value(v, t), X fastest.
  template <class Value>
  std::filesystem::path scan(const std::string& name, std::int64_t frames, const Value& value) const {
    io::NiftiHeader header;
    header.shape = {grid_.shape[0], grid_.shape[1], grid_.shape[2], frames};
    header.dimensions = frames > 1 ? 4 : 3;
    header.repetition_time = 0.8;
    header.affine = grid_.affine;
    io::write_nifti_gz(directory_ / name, header, [&](std::int64_t t, std::span<float> frame) {
      for (std::size_t v = 0; v < frame.size(); ++v) frame[v] = value(v, t);
    });
    return directory_ / name;
  }

  const test::TemporaryDirectory directory_;
  const Grid grid_{{14, 13, 12}, test::centred({14, 13, 12}, 3)};
  const test::MadeAtlas atlas_{{21, 20, 19}, test::centred({21, 20, 19}, 2)};
  Atlas read_;
  GridParcels parcels_;
};

// The cohort's frames are float16: half of their unit in the last digit, 2^-11 of the largest value, is the bound.
TEST_F(ImageParcels, AgreesWithTheScanInACohort) {
  const io::CohortLayout layout = test::made_layout(1);
  const std::vector<std::uint16_t> frames = test::made_frames(layout, 0);
  std::vector<std::int64_t> packed(grid_.voxels(), -1);
  for (std::size_t v = 0; v < layout.voxels.size(); ++v)
    packed[image_voxel(layout.voxels[v], grid_.shape)] = static_cast<std::int64_t>(v);
  float largest = 0;
  const auto value = [&](std::size_t v, std::int64_t t) {
    if (packed[v] < 0) return 0.0f;
    const std::uint16_t bits =
        frames[static_cast<std::size_t>(t) * layout.voxels.size() + static_cast<std::size_t>(packed[v])];
    if (bits == test::made_fill(0)) return 0.0f;
    const float stored = io::half_to_float(bits) * 1.0001f;  // what float16 would round to `bits`, nearly always
    largest = std::max(largest, std::abs(stored));
    return stored == 0 ? 1e-6f : stored;
  };
  const auto path = scan("bold.nii.gz", 20, value);
  const ScanParcels image = parcels_of_image(path, parcels_, {}, Stat::kMean);
  PackedParcels of_cohort(parcels_, layout.voxels);
  const ScanParcels cohort = of_cohort.of_scan(
      [&](std::uint64_t first, std::span<std::uint16_t> out) {
        std::copy_n(frames.begin() + static_cast<std::ptrdiff_t>(first * layout.voxels.size()), out.size(),
                    out.begin());
      },
      20, test::made_fill(0), Stat::kMean);
  EXPECT_EQ(image.voxels, cohort.voxels);
  EXPECT_EQ(image.coverage, cohort.coverage);
  for (std::size_t i = 0; i < image.series.size(); ++i) {
    ASSERT_EQ(std::isnan(image.series[i]), std::isnan(cohort.series[i])) << i;
    if (!std::isnan(image.series[i])) ASSERT_NEAR(image.series[i], cohort.series[i], largest * 0x1p-11) << i;
  }
}

TEST_F(ImageParcels, VoxelsThatAreZeroOrNanThroughoutAreNotCovered) {
  const float nan = std::nanf("");
  const auto plain = scan("plain.nii.gz", 3, [](std::size_t v, std::int64_t t) {
    return static_cast<float>(v % 5 + 1) + static_cast<float>(t);
  });
  const auto holes = scan("holes.nii.gz", 3, [&](std::size_t v, std::int64_t t) {
    if (v % 4 == 0) return 0.0f;
    if (v % 4 == 1) return nan;
    return static_cast<float>(v % 5 + 1) + static_cast<float>(t);
  });
  const ScanParcels all = parcels_of_image(plain, parcels_, {}, Stat::kMean);
  const ScanParcels half = parcels_of_image(holes, parcels_, {}, Stat::kMean);
  for (std::size_t p = 0; p < all.voxels.size(); ++p) {
    if (all.voxels[p] < 4) continue;  // the corners of the ball
    EXPECT_LT(half.voxels[p], all.voxels[p]) << p;
    EXPECT_LT(half.coverage[p], all.coverage[p]) << p;
  }
  const auto damaged = scan("damaged.nii.gz", 3, [&](std::size_t, std::int64_t t) { return t == 1 ? nan : 1.0f; });
  expect_error<DataError>([&] { parcels_of_image(damaged, parcels_, {}, Stat::kMean); }, {"NaN in 1 of 3 frames"});
}

TEST_F(ImageParcels, WeightsAreAWeightedMean) {
  const auto map = scan("weights.nii.gz", 1,
                        [](std::size_t v, std::int64_t) { return v % 3 == 0 ? 0.0f : static_cast<float>(v % 3); });
  const auto bold = scan("bold.nii.gz", 2, [](std::size_t v, std::int64_t t) {
    return static_cast<float>(v % 3) * 10 + static_cast<float>(t) + 1;
  });
  const std::vector<float> weights = read_weights(map, grid_);
  const ScanParcels found = parcels_of_image(bold, parcels_, weights, Stat::kMean);
  for (std::size_t p = 0; p < parcels_.parcels(); ++p) {
    double sum = 0, whole = 0;
    for (std::size_t v = 0; v < grid_.voxels(); ++v)
      if (parcels_.column[v] == p + 1) {
        sum += static_cast<double>(v % 3) * (static_cast<double>(v % 3) * 10 + 1);
        whole += static_cast<double>(v % 3);
      }
    if (whole == 0)
      EXPECT_TRUE(std::isnan(found.series[p])) << p;
    else
      ASSERT_NEAR(found.series[p], sum / whole, 1e-5) << p;
  }
  const auto negative = scan("negative.nii.gz", 1, [](std::size_t v, std::int64_t) { return v == 3 ? -1.0f : 1.0f; });
  expect_error<DataError>([&] { read_weights(negative, grid_); }, {"a weight is -1"});
}

TEST_F(ImageParcels, TablesOfAScanAndAMap) {
  const auto bold = scan("sub-01_task-rest_space-X_desc-preproc_bold.nii.gz", 3, [](std::size_t v, std::int64_t t) {
    return v % 14 < 5 ? 0.0f : static_cast<float>(v % 5 + 1) + static_cast<float>(t);
  });
  ParcellateSettings settings{
      .atlas = {.atlas = (directory_ / "atlas.nii.gz").string()}, .max_missing = 1, .program = "p"};
  const auto out = directory_ / "out";
  const ParcellateSummary summary = parcellate_image(settings, bold, out);
  EXPECT_EQ(summary.parcels, parcels_.parcels());
  EXPECT_NE(summary.missing, "") << "a third of the head is background";
  const std::string stem = (out / "sub-01_task-rest_space-X_atlas-atlas").string();
  const std::string series = test::read_file(stem + "_stat-mean_timeseries.tsv");
  EXPECT_EQ(std::ranges::count(series, '\n'), 4);
  EXPECT_NE(series.find("n/a"), std::string::npos);
  EXPECT_TRUE(test::read_file(stem + "_stat-coverage_bold.tsv").starts_with("Node\tcoverage\n"));
  EXPECT_NE(test::read_file(stem + "_stat-mean_timeseries.json").find("\"RepetitionTime\": 0.8"), std::string::npos);
  EXPECT_NO_THROW(parcellate_image(settings, bold, out)) << "its own files are replaced";
  const auto map = scan("map.nii.gz", 1, [](std::size_t v, std::int64_t) { return static_cast<float>(v); });
  parcellate_image(settings, map, out);
  EXPECT_TRUE(test::read_file(out / "map_atlas-atlas_stat-mean_map.tsv").starts_with("index\tname\themisphere\t"));
  test::write_file(out / "map_atlas-atlas_stat-mean_map.json", "{}");
  expect_error<UsageError>([&] { parcellate_image(settings, map, out); }, {"map.tsv", "not replaced"});
  settings.max_missing = 0.01;
  expect_error<DataError>([&] { parcellate_image(settings, bold, out); },
                          {"are not covered", "parcellate.max_missing=0.01"});
}

}  // namespace
}  // namespace brainmt::parcels
