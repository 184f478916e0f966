// Series of parcels against sums written out plainly, for masks, frames and parcels of awkward sizes.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/philox.hpp"
#include "io/float16.hpp"
#include "parcels/packed_parcels.hpp"

namespace brainmt::parcels {
namespace {

struct Problem {
  std::size_t voxels, parcels, frames;
  std::vector<std::uint16_t> columns, data;
  std::vector<float> weights;
  std::uint16_t fill = io::float_to_half(-2.5f);

  Problem(std::size_t v, std::size_t p, std::size_t t, std::uint64_t seed) : voxels(v), parcels(p), frames(t) {
    Philox random(seed, 1, 1);
    for (std::size_t i = 0; i < v; ++i) {
      const double u = random.uniform();
      columns.push_back(u < 0.3 ? std::uint16_t{0} : static_cast<std::uint16_t>(1 + (i / 3 + i % 2) % p));
      weights.push_back(static_cast<float>(u < 0.5 ? 0 : u));
    }
    for (std::size_t i = 0; i < v * t; ++i) data.push_back(io::float_to_half(static_cast<float>(3 * random.normal())));
    for (std::size_t i = 0; i < v; i += 7)  // never left the fill value
      for (std::size_t f = 0; f < t; ++f) data[f * v + i] = fill;
    if (t > 2) data[2 * v + 1] = fill;  // in one frame only
  }
  double value(std::size_t frame, std::size_t voxel) const {
    return static_cast<double>(io::half_to_float(data[frame * voxels + voxel]));
  }
  bool covered(std::size_t voxel) const {
    for (std::size_t f = 0; f < frames; ++f)
      if (data[f * voxels + voxel] != fill) return true;
    return false;
  }
};

void expect_means(const Problem& problem, bool weighted) {
  ParcelSums sums(problem.columns, weighted ? std::span<const float>(problem.weights) : std::span<const float>(),
                  problem.parcels);
  for (int round = 0; round < 2; ++round) {  // begin() starts afresh
    sums.begin(problem.fill, problem.frames);
    for (std::size_t first = 0; first < problem.frames; first += 16) {
      const std::size_t count = std::min<std::size_t>(16, problem.frames - first);
      sums.add(std::span(problem.data).subspan(first * problem.voxels, count * problem.voxels));
    }
  }
  const ScanParcels scan = sums.finish();
  ASSERT_EQ(scan.series.size(), problem.frames * problem.parcels);
  for (std::size_t p = 0; p < problem.parcels; ++p) {
    std::uint32_t used = 0;
    std::vector<double> sum(problem.frames, 0), whole(1, 0);
    for (std::size_t v = 0; v < problem.voxels; ++v) {
      const double w = weighted ? static_cast<double>(problem.weights[v]) : 1.0;
      if (problem.columns[v] != p + 1 || !problem.covered(v) || w == 0) continue;
      ++used;
      whole[0] += w;
      for (std::size_t f = 0; f < problem.frames; ++f) sum[f] += w * problem.value(f, v);
    }
    ASSERT_EQ(scan.voxels[p], used) << p;
    for (std::size_t f = 0; f < problem.frames; ++f) {
      const float found = scan.series[f * problem.parcels + p];
      if (used == 0) {
        EXPECT_TRUE(std::isnan(found));
      } else {
        const double mean = sum[f] / whole[0];
        // Float's rounding; with weights the sums are over x - fill, in another order of roundings of doubles.
        ASSERT_NEAR(found, mean, std::abs(mean) * 0x1p-24 + 1e-12) << p << " frame " << f;
      }
    }
  }
}

TEST(ParcelSums, MeansOfAwkwardSizes) {
  std::uint64_t seed = 1;
  for (const std::size_t voxels : {1, 7, 8, 9, 63, 4095, 4096, 4097, 9001})
    for (const std::size_t parcels : {1, 5, 400})
      for (const std::size_t frames : {1, 15, 16, 17, 33}) {
        SCOPED_TRACE(testing::Message() << voxels << " voxels, " << parcels << " parcels, " << frames << " frames");
        const Problem problem(voxels, parcels, frames, ++seed);
        expect_means(problem, /*weighted=*/false);
        if (voxels < 100) expect_means(problem, /*weighted=*/true);
      }
}

// The same parcels packed by a wider mask, whose other voxels hold the fill value: the same bits.
TEST(ParcelSums, OtherHeadsVoxelsChangeNoBit) {
  const Problem own(3000, 20, 40, 9);
  Problem wide(5000, 20, 40, 10);
  std::ranges::fill(wide.data, own.fill);
  std::ranges::fill(wide.columns, std::uint16_t{3});
  std::vector<std::size_t> place;
  for (std::size_t v = 0; v < own.voxels; ++v) place.push_back(v + v / 2 + (v > 1500 ? 100 : 0));
  for (std::size_t v = 0; v < own.voxels; ++v) {
    wide.columns[place[v]] = own.columns[v];
    for (std::size_t f = 0; f < own.frames; ++f) wide.data[f * wide.voxels + place[v]] = own.data[f * own.voxels + v];
  }
  const auto series = [](const Problem& problem) {
    ParcelSums sums(problem.columns, {}, problem.parcels);
    sums.begin(problem.fill, problem.frames);
    sums.add(problem.data);
    return sums.finish();
  };
  const ScanParcels a = series(own), b = series(wide);
  EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(a.series)), std::as_bytes(std::span(b.series))));
  EXPECT_EQ(a.voxels, b.voxels);
}

TEST(PackedParcels, MedianAndDeviationOverCoveredVoxels) {
  // A grid of 2 x 1 x 3: [Y, X, Z] voxel v is image voxel x + 2 z.
  GridParcels parcels;
  parcels.grid.shape = {2, 1, 3};
  parcels.column = {1, 1, 1, 1, 1, 2};
  parcels.own = {5, 1};
  for (std::uint32_t v = 0; v < 6; ++v) parcels.shares.push_back({v, 1, static_cast<std::uint16_t>(v == 5 ? 1 : 0)});
  const std::vector<std::uint32_t> voxels{0, 1, 2, 3, 4, 5};
  PackedParcels packed(parcels, voxels);
  const std::uint16_t fill = io::float_to_half(0);
  // Stored order: x 0: z 0 1 2, then x 1: z 0 1 2. The last one is parcel 2; the first never leaves the fill value.
  const std::vector<float> values{0, 1, 2, 10, 5, 7, 0, -1, 0, 4, 8, 7};
  std::vector<std::uint16_t> data(values.size());
  io::floats_to_halfs(values, data);
  const auto read = [&](std::uint64_t first, std::span<std::uint16_t> out) {
    std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(first * 6), out.size(), out.begin());
  };
  const ScanParcels median = packed.of_scan(read, 2, fill, Stat::kMedian);
  EXPECT_EQ(median.series, (std::vector<float>{3.5f, 7, 2, 7}));
  EXPECT_EQ(median.voxels, (std::vector<std::uint32_t>{4, 1}));
  EXPECT_EQ(median.coverage, (std::vector<double>{0.8, 1}));
  const ScanParcels sd = packed.of_scan(read, 2, fill, Stat::kSd);
  EXPECT_FLOAT_EQ(sd.series[0], std::sqrt((12.25f + 6.25f + 30.25f + 0.25f) / 4));
  EXPECT_EQ(sd.series[1], 0);
  const ScanParcels mean = packed.of_scan(read, 2, fill, Stat::kMean);
  EXPECT_FLOAT_EQ(mean.series[2], (-1 + 0 + 4 + 8) / 4.0f);
}

}  // namespace
}  // namespace brainmt::parcels
