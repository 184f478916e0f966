// Parcellation against nilearn's and NumPy's numbers (tests/golden/README.md). The scans and atlases that may not be
// committed come from the folder that BRAINMT_REAL_DIR names; without it, the tests that need them say so and skip.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "io/nifti.hpp"
#include "io/safetensors.hpp"
#include "made_atlas.hpp"
#include "parcels/image_parcels.hpp"
#include "support/golden_file.hpp"

namespace brainmt::parcels {
namespace {

namespace fs = std::filesystem;
using test::GoldenFile;

// A pair of a scan and an atlas.
struct Pair {
  std::string name;
  fs::path bold, atlas;  // empty: not there
};

fs::path found(const std::string& file) {
  const char* real = std::getenv("BRAINMT_REAL_DIR");
  for (const fs::path& folder : {fs::path(GoldenFile::directory()), fs::path(real == nullptr ? "" : real)})
    if (!folder.empty() && fs::exists(folder / file)) return folder / file;
  return {};
}

std::vector<Pair> pairs() {
  const auto file = io::SafetensorsFile::open(GoldenFile::directory() + "/analysis_parcellate.safetensors");
  std::vector<Pair> all;
  for (const auto& [name, text] : file.metadata()) {
    const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("bold")) continue;
    all.push_back({name, found(json["bold"].get<std::string>()), found(json["atlas"].get<std::string>())});
  }
  return all;
}

// The largest error of a series, relative to the value or 1; infinite where one is missing and the other is not.
double error_of(const ScanParcels& scan, const std::vector<double>& expected) {
  EXPECT_EQ(scan.series.size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < std::min(expected.size(), scan.series.size()); ++i) {
    const double value = static_cast<double>(scan.series[i]);
    if (std::isnan(value) != std::isnan(expected[i])) return HUGE_VAL;
    if (std::isnan(value)) continue;
    worst = std::max(worst, std::abs(value - expected[i]) / std::max(1.0, std::abs(expected[i])));
  }
  return worst;
}

void expect_counts(const std::vector<std::uint32_t>& counts, const std::vector<double>& expected) {
  ASSERT_EQ(counts.size(), expected.size());
  for (std::size_t p = 0; p < counts.size(); ++p) ASSERT_EQ(counts[p], expected[p]) << p;
}

// The golden labels themselves as an atlas on the scan's grid: needs no file that is not committed.
TEST(ParcellateGolden, SeriesOfTheGoldenLabels) {
  const GoldenFile golden("analysis_parcellate");
  const test::TemporaryDirectory directory;
  int done = 0;
  for (const Pair& pair : pairs()) {
    if (pair.bold.empty()) continue;
    ++done;
    const Grid grid = describe_image(pair.bold).grid;
    test::MadeAtlas atlas(grid.shape, grid.affine);
    const std::vector<double> labels = golden.values(pair.name + "/labels");
    // [X, Y, Z] with Z fastest in the file.
    std::size_t at = 0;
    for (std::int64_t x = 0; x < grid.shape[0]; ++x)
      for (std::int64_t y = 0; y < grid.shape[1]; ++y)
        for (std::int64_t z = 0; z < grid.shape[2]; ++z, ++at)
          atlas.labels[static_cast<std::size_t>(x + grid.shape[0] * (y + grid.shape[1] * z))] =
              static_cast<float>(labels[at]);
    atlas.write(directory / "labels.nii.gz");
    const Atlas read = read_atlas(directory / "labels.nii.gz", {}, /*trust=*/false);
    const GridParcels parcels = regrid(read, grid);
    EXPECT_EQ(parcels.moved, 0u);
    const ScanParcels scan = parcels_of_image(pair.bold, parcels, {}, Stat::kMean);
    // Labels without a voxel are no parcels of this atlas; the golden has a column for each label of the real one.
    const std::vector<double> series = golden.values(pair.name + "/series"),
                              voxels = golden.values(pair.name + "/voxels");
    const std::size_t all = voxels.size(), frames = series.size() / all;
    std::vector<double> expected, counts;
    for (const std::int32_t label : read.parcels.index) counts.push_back(voxels[static_cast<std::size_t>(label) - 1]);
    for (std::size_t t = 0; t < frames; ++t)
      for (const std::int32_t label : read.parcels.index)
        expected.push_back(series[t * all + static_cast<std::size_t>(label) - 1]);
    expect_counts(scan.voxels, counts);
    const double error = error_of(scan, expected);
    EXPECT_LE(error, 1e-6) << pair.name;
    std::printf("%s: largest error of the series %.1e\n", pair.name.c_str(), error);
  }
  EXPECT_GT(done, 0) << "no scan of the file is there";
}

TEST(ParcellateGolden, RealAtlasesOnRealScans) {
  const GoldenFile golden("analysis_parcellate");
  std::string missing;
  int done = 0;
  for (const Pair& pair : pairs()) {
    if (pair.bold.empty() || pair.atlas.empty()) {
      missing += " " + pair.name;
      continue;
    }
    ++done;
    const Grid grid = describe_image(pair.bold).grid;
    const Atlas atlas = open_atlas({.atlas = pair.atlas.string()}, space_of_data(pair.bold, grid));
    const GridParcels parcels = regrid(atlas, grid);
    const std::vector<double> labels = golden.values(pair.name + "/labels");
    std::size_t at = 0;
    for (std::int64_t x = 0; x < grid.shape[0]; ++x)
      for (std::int64_t y = 0; y < grid.shape[1]; ++y)
        for (std::int64_t z = 0; z < grid.shape[2]; ++z, ++at) {
          const std::uint16_t column =
              parcels.column[static_cast<std::size_t>(x + grid.shape[0] * (y + grid.shape[1] * z))];
          ASSERT_EQ(column == 0 ? 0 : atlas.parcels.index[column - 1u], labels[at]) << pair.name << " voxel " << at;
        }
    const ScanParcels scan = parcels_of_image(pair.bold, parcels, {}, Stat::kMean);
    expect_counts(scan.voxels, golden.values(pair.name + "/voxels"));
    const std::vector<double> coverage = golden.values(pair.name + "/coverage");
    for (std::size_t p = 0; p < coverage.size(); ++p) ASSERT_NEAR(scan.coverage[p], coverage[p], 1e-12) << pair.name;
    const double error = error_of(scan, golden.values(pair.name + "/series"));
    EXPECT_LE(error, 1e-6) << pair.name;
    std::printf("%s: largest error of the series %.1e\n", pair.name.c_str(), error);
  }
  if (!missing.empty())
    GTEST_SKIP() << "not tested for want of files (BRAINMT_REAL_DIR names their folder):" << missing << "; tested "
                 << done;
}

TEST(ParcellateGolden, RealAtlasOnStandardGrids) {
  const GoldenFile golden("analysis_parcellate");
  const auto all = pairs();
  const auto pair = std::ranges::find(all, "whole200", &Pair::name);
  if (pair == all.end() || pair->atlas.empty())
    GTEST_SKIP() << "the atlas is not there: BRAINMT_REAL_DIR names its folder";
  const Atlas atlas = read_atlas(pair->atlas, {}, /*trust=*/false);
  const std::pair<const char*, double> grids[]{{"mni2mm/voxels", 2}, {"mni3mm/voxels", 3}, {"ties2.5mm/voxels", 2.5}};
  for (const auto& [name, step] : grids) {
    if (!golden.contains(name)) continue;
    const auto extent = [step = step](double mm) { return static_cast<std::int64_t>(std::floor(mm / step)) + 1; };
    const Grid grid{{extent(180), extent(217), extent(180)},
                    {-step, 0, 0, 90, 0, step, 0, -126, 0, 0, step, -72, 0, 0, 0, 1}};
    const GridParcels parcels = regrid(atlas, grid);
    std::vector<std::uint32_t> counts(parcels.parcels(), 0);
    for (const std::uint16_t column : parcels.column)
      if (column != 0) ++counts[column - 1u];
    expect_counts(counts, golden.values(name));
  }
}

}  // namespace
}  // namespace brainmt::parcels
