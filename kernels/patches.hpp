#pragma once
// Volumes cut into cubes of K voxels an edge, none of which overlap, and back. An axis of n voxels has ceil(n / K)
// cubes; what the last one lacks is zeros. Patches of a volume are numbered as its voxels are: the last axis fastest.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// Cubes of K voxels an edge along an axis of `extent`.
constexpr std::size_t patch_count(std::size_t extent, std::size_t edge) { return (extent + edge - 1) / edge; }

/// patches[n * P + p, (a * K + b) * K + c] = voxels[n, y K + a, x K + b, z K + c], or 0 outside, where p is patch (y,
/// x, z). voxels: [N, Y, X, Z]; patches: [N * P, K^3].
template <class T>
void patch_gather(const Exec& exec, View2<T> patches, View4<const T> voxels, std::size_t edge);

/// dvoxels = its element of dpatches: every voxel lies in one cube. Elements that were padding are dropped.
template <class T>
void patch_scatter(const Exec& exec, View4<T> dvoxels, View2<const T> dpatches, std::size_t edge);

}  // namespace brainmt::kernels
