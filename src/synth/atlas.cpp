#include "synth/atlas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "io/nifti.hpp"
#include "synth/anatomy.hpp"
#include "synth/subject.hpp"

namespace brainmt::synth {
namespace {

constexpr int kCubes = 4;          // along each axis
constexpr float kBlobEdge = 0.5f;  // of the peak of a component's map
constexpr std::int16_t kFirstCube = 101;
constexpr std::string_view kNetworkNames = "ABC";

struct Parcel {
  std::string name, network;
  char side = 'L';
  std::size_t voxels = 0;
};

}  // namespace

SynthAtlas make_atlas(const SynthConfig& config) {
  const Grid& grid = config.grid;
  const NetworkMaps networks = network_maps(grid);
  std::array<std::array<float, kComponents>, kNetworks> peaks{};
  for (std::size_t n = 0; n < kNetworks; ++n)
    for (std::size_t c = 0; c < kComponents; ++c) peaks[n][c] = std::ranges::max(networks.maps[n][c]);
  const double mm_per_x = affine_of(config)[0];
  SynthAtlas atlas;
  atlas.labels.resize(voxels_of(grid));
  std::map<std::int16_t, Parcel> parcels;
  for_each_voxel(grid, [&](std::uint32_t voxel, const Point& u) {
    const bool left = u[0] * mm_per_x < 0;
    const char side = left ? 'L' : 'R';
    std::int16_t label = 0;
    std::string name, network = "Rest";
    for (std::size_t n = 0; n < kNetworks; ++n) {
      for (std::size_t c = 0; c < kComponents; ++c) {
        if (label != 0 || networks.maps[n][c][voxel] < kBlobEdge * peaks[n][c]) continue;
        label = static_cast<std::int16_t>(1 + 2 * (n * kComponents + c) + (left ? 0 : 1));
        network = kNetworkNames.substr(n, 1);
        name = fmt::format("{}H_{}_{}", side, network, c + 1);
      }
    }
    if (label == 0 && u[0] * u[0] + u[1] * u[1] + u[2] * u[2] < 1) {
      const auto cube = [&](std::size_t axis) {
        return std::clamp(static_cast<int>((u[axis] + 1) / 2 * kCubes), 0, kCubes - 1);
      };
      label = static_cast<std::int16_t>(kFirstCube + 2 * ((cube(0) * kCubes + cube(1)) * kCubes + cube(2)) +
                                        (left ? 0 : 1));
      name = fmt::format("{}H_Rest_{}{}{}", side, cube(0) + 1, cube(1) + 1, cube(2) + 1);
    }
    atlas.labels[voxel] = label;
    if (label == 0) return;
    Parcel& parcel = parcels[label];
    parcel = {name, network, side, parcel.voxels + 1};
  });
  atlas.table = "index\tname\themisphere\tnetwork_label\n";
  for (const auto& [label, parcel] : parcels)
    atlas.table += fmt::format("{}\t{}\t{}\t{}\n", label, parcel.name, parcel.side, parcel.network);
  return atlas;
}

void write_atlas(const SynthConfig& config, const SynthAtlas& atlas, const std::filesystem::path& path) {
  io::NiftiHeader header;
  header.shape = {config.grid[0], config.grid[1], config.grid[2], 1};
  header.type = io::NiftiType::kInt16;
  header.affine = affine_of(config);
  io::write_nifti_gz(path, header,
                     [&](std::int64_t, std::span<float> frame) { std::ranges::copy(atlas.labels, frame.begin()); });
}

}  // namespace brainmt::synth
