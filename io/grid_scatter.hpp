#pragma once
// In-mask float16 frames -> dense float frames [T, Y, X, Z], the model's input. The mask is kept as runs of neighbours
// along Z, so that whole vectors are converted and copied, and the gaps between runs are filled.
#include <cstdint>
#include <span>
#include <vector>

namespace brainmt::io {

class GridScatter {
 public:
  GridScatter() = default;
  /// `voxels`: ascending dense indices of the packed values; `grid_voxels`: size of a dense frame.
  GridScatter(std::span<const std::uint32_t> voxels, std::size_t grid_voxels);

  /// packed [T, voxels] float16 bits -> dense [T, grid_voxels]; voxels outside the mask become `fill` (float16 bits).
  void operator()(std::span<const std::uint16_t> packed, std::uint16_t fill, std::span<float> dense) const;

  std::size_t voxels() const { return voxels_; }
  std::size_t grid_voxels() const { return grid_voxels_; }
  /// The dense indices that it was made from.
  std::vector<std::uint32_t> voxel_list() const;
  bool operator==(const GridScatter&) const = default;

 private:
  struct Run {
    std::uint32_t dense, count;
    bool operator==(const Run&) const = default;
  };
  std::vector<Run> runs_;
  std::size_t voxels_ = 0, grid_voxels_ = 0;
};

}  // namespace brainmt::io
