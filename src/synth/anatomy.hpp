#pragma once
// Geometry of the synthetic head. Coordinates are fractions of the head's half axes, u = (x, y, z) with |u| = 1 on the
// surface of the standard head; images are X fastest, as in a NIfTI frame.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/philox.hpp"

namespace brainmt::synth {

using Grid = std::array<int, 3>;
using Point = std::array<double, 3>;

inline constexpr double kHeadFill = 0.92;  // the standard head's half axes in half grid extents

/// Calls visit(voxel, u) for every voxel, u in units of the standard head's half axes.
template <class Visit>
void for_each_voxel(const Grid& grid, Visit&& visit) {
  std::uint32_t voxel = 0;
  const auto coordinate = [&](int index, std::size_t axis) {
    return (2.0 * index - grid[axis] + 1.0) / (kHeadFill * grid[axis]);
  };
  for (int z = 0; z < grid[2]; ++z) {
    for (int y = 0; y < grid[1]; ++y) {
      for (int x = 0; x < grid[0]; ++x) visit(voxel++, Point{coordinate(x, 0), coordinate(y, 1), coordinate(z, 2)});
    }
  }
}

std::size_t voxels_of(const Grid& grid);

/// Networks in the order of their maps: sex raises (or lowers) A and lowers (raises) B; cognition changes C.
enum Network : std::size_t { kNetworkA, kNetworkB, kNetworkC, kNetworks };
/// Each network has this many components with time courses of their own; a component is a symmetric pair of blobs.
inline constexpr std::size_t kComponents = 2;

/// Spatial maps, dense [voxel], peak about 1, zero near and outside the surface of every head; all of equal energy (sum
/// of squares), so that A and B exchange amplitude without changing the scan's total variance.
struct NetworkMaps {
  std::array<std::array<std::vector<float>, kComponents>, kNetworks> maps;
  double energy = 0;  // of one component
};
NetworkMaps network_maps(const Grid& grid);

/// One subject's head. Only the voxels inside it are kept, in ascending order of their index in the frame.
struct Anatomy {
  std::vector<std::uint32_t> voxels;  // indices in the dense frame
  std::vector<float> mean;            // mean intensity, about 1 inside, falling towards the surface; never 0
  std::vector<float> breathing;       // weight of the respiratory oscillation: grows from the lower to the upper end
  std::vector<float> pulse;           // weight of the cardiac oscillation: around the base
  std::vector<float> drift;           // weight of the slow drift: a smooth gradient of random direction
};
/// `atrophy` widens the dark centre (0 young, 1 old); everything else is drawn from `random`.
Anatomy draw_anatomy(const Grid& grid, double atrophy, Philox& random);

}  // namespace brainmt::synth
