#include "io/grid_scatter.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "io/float16.hpp"

namespace brainmt::io {

GridScatter::GridScatter(std::span<const std::uint32_t> voxels, std::size_t grid_voxels)
    : voxels_(voxels.size()), grid_voxels_(grid_voxels) {
  for (const std::uint32_t voxel : voxels) {
    BRAINMT_CHECK(voxel < grid_voxels, "voxel {} lies outside a grid of {}", voxel, grid_voxels);
    if (!runs_.empty() && voxel == runs_.back().dense + runs_.back().count) {
      ++runs_.back().count;
    } else {
      BRAINMT_CHECK(runs_.empty() || voxel > runs_.back().dense, "voxels must ascend");
      runs_.push_back({voxel, 1});
    }
  }
}

std::vector<std::uint32_t> GridScatter::voxel_list() const {
  std::vector<std::uint32_t> voxels;
  voxels.reserve(voxels_);
  for (const Run& run : runs_)
    for (std::uint32_t i = 0; i < run.count; ++i) voxels.push_back(run.dense + i);
  return voxels;
}

void GridScatter::operator()(std::span<const std::uint16_t> packed, std::uint16_t fill, std::span<float> dense) const {
  const std::size_t frames = voxels_ == 0 ? 0 : packed.size() / voxels_;
  BRAINMT_CHECK(packed.size() == frames * voxels_ && dense.size() == frames * grid_voxels_,
                "{} packed values do not make {} dense ones", packed.size(), dense.size());
  const float outside = half_to_float(fill);
  std::vector<float> row(voxels_);  // one frame, small enough for the second-level cache
  for (std::size_t t = 0; t < frames; ++t) {
    halfs_to_floats(packed.subspan(t * voxels_, voxels_), row);
    const std::span<float> frame = dense.subspan(t * grid_voxels_, grid_voxels_);
    const float* from = row.data();
    std::size_t at = 0;
    for (const Run& run : runs_) {
      std::fill(frame.begin() + at, frame.begin() + run.dense, outside);
      std::copy(from, from + run.count, frame.begin() + run.dense);
      from += run.count;
      at = run.dense + run.count;
    }
    std::fill(frame.begin() + at, frame.end(), outside);
  }
}

}  // namespace brainmt::io
