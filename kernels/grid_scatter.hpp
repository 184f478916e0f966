#pragma once
// In-mask float16 frames -> dense frames in the activation type: the device's form of io::GridScatter, with the same
// bits. The grid's inner axis is Z, so that neighbours along Z are neighbours in memory.
#include <cstdint>

#include "kernels/types.hpp"

namespace brainmt::kernels {

/// In a map of the grid: this voxel lies outside of the mask.
inline constexpr std::uint32_t kOutsideMask = 0xffffffffu;

/// dense[t, g] = T(packed[t, map[g]]), or T(fill) where map[g] is kOutsideMask.
/// dense [T, grid], packed [T, voxels] and `fill` float16 bits, map [grid] with values below `voxels`.
template <class T>
void grid_scatter(const Exec& exec, View2<T> dense, View2<const std::uint16_t> packed, View1<const std::uint32_t> map,
                  std::uint16_t fill);

}  // namespace brainmt::kernels
