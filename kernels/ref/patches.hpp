#pragma once
// Volumes cut into cubes by plain loops over every element, and the adjoint. Shapes as in kernels/patches.hpp,
// contiguous. Gradient contract: dvoxels is assigned.
#include <algorithm>
#include <array>
#include <cstddef>

namespace brainmt::kernels::ref {

struct PatchShape {
  std::size_t batch;
  std::array<std::size_t, 3> extent;  // Y, X, Z
  std::size_t edge;

  std::size_t along(std::size_t axis) const { return (extent[axis] + edge - 1) / edge; }
  std::size_t patches() const { return along(0) * along(1) * along(2); }
  std::size_t taps() const { return edge * edge * edge; }
  std::size_t voxels() const { return extent[0] * extent[1] * extent[2]; }
};

namespace detail {

// Calls f(patch element, voxel) for every pair that belongs together.
template <class F>
void for_each_patch_voxel(const PatchShape& s, F&& f) {
  for (std::size_t n = 0; n < s.batch; ++n)
    for (std::size_t y = 0; y < s.extent[0]; ++y)
      for (std::size_t x = 0; x < s.extent[1]; ++x)
        for (std::size_t z = 0; z < s.extent[2]; ++z) {
          const std::size_t k = s.edge, patch = (y / k * s.along(1) + x / k) * s.along(2) + z / k;
          f((n * s.patches() + patch) * s.taps() + (y % k * k + x % k) * k + z % k,
            n * s.voxels() + (y * s.extent[1] + x) * s.extent[2] + z);
        }
}

}  // namespace detail

template <class S>
void patch_gather(S* patches, const S* voxels, const PatchShape& s) {
  std::fill_n(patches, s.batch * s.patches() * s.taps(), S(0));
  detail::for_each_patch_voxel(s, [&](std::size_t element, std::size_t voxel) { patches[element] = voxels[voxel]; });
}

template <class S>
void patch_scatter(S* dvoxels, const S* dpatches, const PatchShape& s) {
  detail::for_each_patch_voxel(s, [&](std::size_t element, std::size_t voxel) { dvoxels[voxel] = dpatches[element]; });
}

}  // namespace brainmt::kernels::ref
