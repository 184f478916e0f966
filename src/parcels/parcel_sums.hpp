#pragma once
// Series of the parcels of one scan from its packed float16 frames, in one pass.
//
//   series[t, p] = sum over the covered voxels v of p of w_v x[t, v]  /  sum of their w_v          without weights w_v = 1
//
// A voxel is covered unless it has the scan's fill value in every frame: the cohort's mask is the union of all heads, so
// voxels of other heads hold it, and so may some inside of this one now and then. All voxels are summed; those that never
// left the fill value are taken off at the end. With weights the sum is over w (x - fill), to which they add nothing.
// Sums are in double, for each frame and parcel in ascending order of the voxels.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "parcels/scan_parcels.hpp"

namespace brainmt::parcels {

class ParcelSums {
 public:
  static constexpr std::size_t kBlock = 16;  // frames summed at a time: give multiples of it where there are more

  /// `columns`: of each packed voxel its parcel's column + 1; 0: none. `weights`: likewise, at least 0; empty: all 1.
  ParcelSums(std::span<const std::uint16_t> columns, std::span<const float> weights, std::size_t parcels);

  /// Begins a scan of so many frames with this fill value.
  void begin(std::uint16_t fill, std::size_t frames);
  /// Its next frames as float16 bits, [frame, voxel].
  void add(std::span<const std::uint16_t> frames);
  /// After the last: means. Without coverage.
  ScanParcels finish() const;
  /// 1 for each voxel that had another value than the fill value in some frame.
  std::vector<std::uint8_t> covered() const;

 private:
  using Rows = std::array<const std::uint16_t*, kBlock>;
  // Voxels [first, first + count), and their parcels: segments [segments, next tile's).
  struct Tile {
    std::uint32_t first, count;
    std::size_t segments;
  };
  struct Segment {
    std::uint16_t parcel, first, count;
  };
  void make_tiles();
  void add_block(const Rows& rows, std::size_t count);
  void add_weighted(const std::uint16_t* frame, double* sums);

  std::span<const std::uint16_t> columns_;
  std::span<const float> weights_;
  std::size_t parcels_;
  std::vector<Tile> tiles_;
  std::vector<Segment> segments_;
  std::vector<std::uint16_t> slots_;  // of each voxel: where in its tile, sorted by parcel
  std::uint16_t fill_ = 0;
  std::vector<std::uint16_t> differ_;   // of each voxel: bits that differed from the fill value's in some frame
  std::vector<std::uint8_t> complete_;  // of each tile: every voxel has differed, so there is nothing left to look for
  std::vector<double> sums_;            // [frame, parcel]
  std::vector<double> block_;           // [parcel, frame of the block]
  std::vector<std::uint16_t> scratch_;  // [slot, frame of the block]
};

}  // namespace brainmt::parcels
