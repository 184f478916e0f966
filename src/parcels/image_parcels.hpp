#pragma once
// The parcels of one NIfTI image, a 4-D scan or a 3-D map, without a cohort. A voxel is covered unless it is 0, or NaN,
// in every frame; NaN in some frames only is refused. Sums are in double, voxels in ascending order, X fastest.
#include <filesystem>

#include "parcels/find_atlas.hpp"
#include "parcels/scan_parcels.hpp"

namespace brainmt::parcels {

struct Image {
  Grid grid;
  std::int64_t frames = 1;
  bool is_scan = true;         // false: a 3-D map
  double repetition_time = 0;  // as in the header, seconds
};

/// Throws DataError: cannot be read, or does not say its orientation.
Image describe_image(const std::filesystem::path& path);

/// Not thresholded. `weights`: of each voxel, X fastest, with kMean only; empty: none. Throws DataError.
ScanParcels parcels_of_image(const std::filesystem::path& path, const GridParcels& parcels,
                             std::span<const float> weights, Stat stat);

/// A 3-D map of weights, 0 or above, at the voxels of `data` by nearest neighbour. Throws DataError.
std::vector<float> read_weights(const std::filesystem::path& path, const Grid& data);

/// The template that the data are in: the space- of the name, else the one that has this grid (MNI152NLin6Asym on FSL's
/// 2 mm, MNI152NLin2009cAsym on fMRIPrep's), else empty. For a voxel size too.
DataSpace space_of_data(const std::filesystem::path& name, const Grid& grid);

}  // namespace brainmt::parcels
