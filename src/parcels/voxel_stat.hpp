#pragma once
// Median or standard deviation over the covered voxels of each parcel, a frame at a time. The standard deviation has the
// divisor n, of deviations from the mean of the frame's parcel, in ascending order of the voxels; the median of an even
// number is the mean of the two in the middle.
#include <cstdint>
#include <span>
#include <vector>

#include "parcels/scan_parcels.hpp"

namespace brainmt::parcels {

class VoxelStat {
 public:
  /// `columns`: of each voxel its parcel's column + 1; `covered`: 1 for each voxel that counts.
  VoxelStat(std::span<const std::uint16_t> columns, std::span<const std::uint8_t> covered, std::size_t parcels,
            Stat stat);

  /// Appends the P values of a frame to `series`; NaN: a parcel without a covered voxel.
  void add_row(std::span<const float> frame, std::vector<float>& series);

 private:
  float value();

  Stat stat_;
  std::vector<std::uint32_t> voxels_;  // covered ones, by parcel
  std::vector<std::size_t> first_;     // of each parcel in it, and the end
  std::vector<float> values_;          // of one parcel
};

}  // namespace brainmt::parcels
