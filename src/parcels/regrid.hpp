#pragma once
// An atlas on the grid of the data, by nearest neighbour through both affines:
//
//   c      = A_atlas^-1 A_data (i, j, k, 1)        in double, i j k a voxel of the data
//   label  = atlas[floor(round(c, 1e-6) + 0.5)]    outside the atlas: none
//
// Rounding to 1e-6 decides ties alike whatever the order of operations. Labels are never interpolated, and data are
// never resampled to the atlas. The reverse direction gives coverage: which data voxel the centre of each of a parcel's
// own voxels falls into.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "parcels/atlas.hpp"

namespace brainmt::parcels {

struct Grid {
  std::array<std::int64_t, 3> shape{};  // X, Y, Z
  std::array<double, 16> affine{};
  std::size_t voxels() const { return static_cast<std::size_t>(shape[0] * shape[1] * shape[2]); }
};

struct GridParcels {
  /// `count` of a parcel's own voxels have their centre in a voxel of the data.
  struct Share {
    std::uint32_t voxel, count;
    std::uint16_t parcel;  // column
  };
  Grid grid;
  std::vector<std::uint16_t> column;  // of each voxel of the data, X fastest: its parcel's column + 1; 0: none
  std::vector<Share> shares;          // by parcel, then voxel
  std::vector<std::uint32_t> own;     // atlas voxels of each parcel

  bool resampled = false;            // the grids differ by more than whole voxels and the order of axes
  std::uint64_t labelled = 0;        // voxels of the data with a label
  std::uint64_t moved = 0;           // of these: the centre of the atlas voxel is elsewhere
  std::uint64_t lost = 0;            // labelled voxels of the atlas whose centre lies outside the data's grid
  std::vector<std::uint16_t> empty;  // parcels without a voxel of the data

  std::size_t parcels() const { return own.size(); }
};

/// Throws DataError where the two do not overlap, with both boxes in mm.
GridParcels regrid(const Atlas& atlas, const Grid& data);

/// A 3-D map sampled at the voxels of the data in the same way; outside the map 0. `map`: X fastest on `from`.
std::vector<float> sample_map(const std::vector<float>& map, const Grid& from, const Grid& data);

/// One line for people: voxels labelled, moved and lost, and the empty parcels by name.
std::string describe(const GridParcels& parcels, const Atlas& atlas);

}  // namespace brainmt::parcels
