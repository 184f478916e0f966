#pragma once
// The parcels of scans whose frames are packed by a mask, as in a cohort of voxels or in the staging area of prepare.
#include <array>
#include <functional>
#include <memory>

#include "parcels/parcel_sums.hpp"

namespace brainmt::parcels {

/// Index in a frame with X fastest of a voxel of the store's order [Y, X, Z].
std::uint32_t image_voxel(std::uint32_t stored, const std::array<std::int64_t, 3>& shape);

class PackedParcels {
 public:
  /// `voxels`: of the mask, [Y, X, Z], ascending. `weights`: of each voxel of the grid, X fastest; empty: none. `parcels`
  /// outlives this.
  PackedParcels(const GridParcels& parcels, std::span<const std::uint32_t> voxels, std::span<const float> weights = {});
  PackedParcels(const PackedParcels&) = delete;
  PackedParcels& operator=(const PackedParcels&) = delete;

  /// Gives frames [first, first + out.size() / voxels) of a scan, [frame, voxel] float16 bits. Called by another thread,
  /// one call at a time.
  using Frames = std::function<void(std::uint64_t first, std::span<std::uint16_t> out)>;

  /// Of a whole scan with this fill value. Not thresholded. kMedian and kSd, which need no weights, read it twice.
  /// `on_block` is called after every few megabytes.
  ScanParcels of_scan(const Frames& read, std::uint64_t frames, std::uint16_t fill, Stat stat,
                      const std::function<void()>& on_block = {});

 private:
  struct Image {
    std::vector<std::uint32_t> voxels;  // of each packed voxel its index in a frame with X fastest
  };
  PackedParcels(const GridParcels& parcels, const Image& image, std::span<const float> weights);
  void each_block(const Frames& read, std::uint64_t frames, const std::function<void()>& on_block,
                  const std::function<void(std::span<const std::uint16_t>)>& take);

  const GridParcels& parcels_;
  std::vector<GridParcels::Share> shares_;  // of packed voxels
  std::vector<std::uint16_t> columns_;
  std::vector<float> weights_;
  ParcelSums sums_;                                  // refers to the two above
  std::array<std::vector<std::uint16_t>, 2> chunk_;  // blocks of frames: one is read, one is summed
};

}  // namespace brainmt::parcels
