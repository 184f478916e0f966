#include "io/parcel_arrays.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "io/cohort_layout.hpp"

namespace brainmt::io {

void store_parcels(SharedHdf5& file, const ParcelTable& parcels) {
  Hdf5Writer& root = file.file();
  root.text_attribute("atlas", parcels.atlas);
  root.text_attribute("atlas_sha256", parcels.atlas_sha256);
  root.text_attribute("table_sha256", parcels.table_sha256);
  root.text_attribute("space", parcels.space);
  root.real_attribute("min_coverage", parcels.min_coverage);
  root.create_group("parcels");
  const std::array count{hsize_t{parcels.size()}};
  std::vector<double> centroids;
  for (const auto& xyz : parcels.centroid) centroids.insert(centroids.end(), xyz.begin(), xyz.end());
  file.store("parcels/index", parcels.index, count);
  file.store("parcels/name", parcels.name);
  file.store("parcels/network", parcels.network);
  file.store("parcels/hemisphere", parcels.hemisphere);
  file.store("parcels/centroid", centroids, std::array<hsize_t, 2>{parcels.size(), 3});
}

ParcelTable read_parcels(const Hdf5Reader& file, const std::filesystem::path& path) {
  constexpr std::size_t kMax = cohort_format::kMaxTextBytes;
  ParcelTable parcels;
  parcels.index = file.array<std::int32_t>("parcels/index");
  parcels.name = file.texts("parcels/name", kMax);
  parcels.network = file.texts("parcels/network", kMax);
  parcels.hemisphere = file.texts("parcels/hemisphere", kMax);
  std::vector<hsize_t> extents;
  const auto centroids = file.array<double>("parcels/centroid", 2, &extents);
  if (extents[1] != 3)
    throw DataError(fmt::format("'{}': /parcels/centroid has {} columns, not 3", path.string(), extents[1]));
  for (std::size_t p = 0; p < centroids.size(); p += 3)
    parcels.centroid.push_back({centroids[p], centroids[p + 1], centroids[p + 2]});
  parcels.atlas = file.text_attribute("atlas", kMax);
  parcels.atlas_sha256 = file.text_attribute("atlas_sha256", kMax);
  parcels.table_sha256 = file.text_attribute("table_sha256", kMax);
  parcels.space = file.text_attribute("space", kMax);
  parcels.min_coverage = file.real_attribute("min_coverage");
  check_parcels(parcels, fmt::format("'{}'", path.string()));
  return parcels;
}

ParcelCoverage read_parcel_coverage(const Hdf5Reader& file, const std::filesystem::path& path, std::size_t scans,
                                    std::size_t parcels) {
  ParcelCoverage coverage;
  std::vector<hsize_t> of_voxels, of_shares;
  coverage.voxels = file.array<std::uint32_t>("parcels/voxels", 2, &of_voxels);
  coverage.share = file.array<double>("parcels/coverage", 2, &of_shares);
  const std::vector<hsize_t> expected{scans, parcels};
  if (of_voxels != expected || of_shares != expected) {
    throw DataError(fmt::format("'{}': /parcels/voxels or /parcels/coverage does not have the {} parcels of {} scans",
                                path.string(), parcels, scans));
  }
  const bool shares = std::ranges::all_of(coverage.share, [](double x) { return std::isnan(x) || (x >= 0 && x <= 1); });
  if (!shares) throw DataError(fmt::format("'{}': a value of /parcels/coverage is not 0 to 1", path.string()));
  return coverage;
}

}  // namespace brainmt::io
