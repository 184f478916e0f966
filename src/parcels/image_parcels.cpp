#include "parcels/image_parcels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "io/nifti.hpp"
#include "parcels/voxel_stat.hpp"

namespace brainmt::parcels {
namespace {

namespace fs = std::filesystem;

Grid grid_of(const io::NiftiHeader& header, const fs::path& path) {
  if (header.affine_source == io::AffineSource::kVoxelSizes) {
    throw DataError(
        fmt::format("'{}' does not say its orientation (no usable sform or qform): copy it from the image that "
                    "it was made of (FSL: fslcpgeom)",
                    path.string()));
  }
  return {{header.shape[0], header.shape[1], header.shape[2]}, header.affine};
}

// visit(frame) for each; NaN becomes 0. Returns 1 for each voxel that had another value in some frame.
template <class Visit>
std::vector<std::uint8_t> for_frames(const fs::path& path, const GridParcels& parcels, const Visit& visit) {
  io::NiftiReader reader(path);
  std::vector<float> frame(reader.header().frame_voxels());
  BRAINMT_CHECK(frame.size() == parcels.column.size(), "an image of another grid");
  std::vector<std::uint8_t> covered(frame.size(), 0);
  std::vector<std::uint32_t> nan(frame.size(), 0);  // in how many frames
  std::int64_t frames = 0;
  for (; reader.next_frame(frame); ++frames) {
    for (std::size_t v = 0; v < frame.size(); ++v) {
      if (std::isnan(frame[v])) {
        ++nan[v];
        frame[v] = 0;
      } else if (std::isinf(frame[v]) && parcels.column[v] != 0) {
        throw DataError(fmt::format("'{}': a voxel of frame {} is infinite", path.string(), frames));
      }
      covered[v] |= frame[v] != 0 ? 1 : 0;
    }
    visit(std::span<const float>(frame));
  }
  for (std::size_t v = 0; v < nan.size(); ++v) {
    if (nan[v] == 0 || nan[v] == frames || parcels.column[v] == 0) continue;
    throw DataError(
        fmt::format("'{}': a voxel is NaN in {} of {} frames; NaN in all of them is background, in some it is "
                    "damage",
                    path.string(), nan[v], frames));
  }
  return covered;
}

bool near(const Grid& grid, const std::array<std::int64_t, 3>& shape, double step,
          const std::array<double, 3>& corner) {
  if (grid.shape != shape) return false;
  for (std::size_t row = 0; row < 3; ++row) {
    double low = grid.affine[4 * row + 3];
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double a = grid.affine[4 * row + axis];
      if (std::abs(std::abs(a) - (axis == row ? step : 0)) > 1e-3) return false;
      low += std::min(0.0, a * static_cast<double>(grid.shape[axis] - 1));
    }
    if (std::abs(low - corner[row]) > 1e-3) return false;
  }
  return true;
}

}  // namespace

Image describe_image(const fs::path& path) {
  const io::NiftiHeader header = io::read_nifti_header(path);
  return {.grid = grid_of(header, path),
          .frames = header.frames(),
          .is_scan = header.dimensions > 3 && header.frames() > 1,
          .repetition_time = header.repetition_time};
}

ScanParcels parcels_of_image(const fs::path& path, const GridParcels& parcels, std::span<const float> weights,
                             Stat stat) {
  const std::size_t count = parcels.parcels();
  std::vector<double> sums;
  const auto weight = [&](std::size_t v) { return weights.empty() ? 1.0 : static_cast<double>(weights[v]); };
  const std::vector<std::uint8_t> covered = for_frames(path, parcels, [&](std::span<const float> frame) {
    sums.resize(sums.size() + count, 0.0);
    double* const row = sums.data() + sums.size() - count;
    for (std::size_t v = 0; v < frame.size(); ++v)
      if (parcels.column[v] != 0) row[parcels.column[v] - 1u] += weight(v) * static_cast<double>(frame[v]);
  });
  ScanParcels scan;
  scan.coverage = coverage_of(parcels.shares, parcels.own, covered);
  scan.voxels.assign(count, 0);
  std::vector<double> whole(count, 0);
  for (std::size_t v = 0; v < covered.size(); ++v) {
    if (parcels.column[v] == 0 || covered[v] == 0 || !(weight(v) > 0)) continue;
    ++scan.voxels[parcels.column[v] - 1u];
    whole[parcels.column[v] - 1u] += weight(v);
  }
  if (stat == Stat::kMean) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double divisor = whole[i % count];
      scan.series.push_back(divisor > 0 ? static_cast<float>(sums[i] / divisor)
                                        : std::numeric_limits<float>::quiet_NaN());
    }
    return scan;
  }
  BRAINMT_CHECK(weights.empty(), "weights go with the mean");
  VoxelStat values(parcels.column, covered, count, stat);
  for_frames(path, parcels, [&](std::span<const float> frame) { values.add_row(frame, scan.series); });
  return scan;
}

std::vector<float> read_weights(const fs::path& path, const Grid& data) {
  io::NiftiReader reader(path);
  if (reader.header().frames() != 1)
    throw DataError(
        fmt::format("'{}' has {} volumes, expected a map of weights", path.string(), reader.header().frames()));
  const Grid grid = grid_of(reader.header(), path);
  std::vector<float> map(grid.voxels());
  reader.next_frame(map);
  for (float& weight : map) {
    if (std::isnan(weight)) weight = 0;
    if (weight < 0 || std::isinf(weight))
      throw DataError(fmt::format("'{}': a weight is {:g}, expected 0 or above", path.string(), weight));
  }
  return sample_map(map, grid, data);
}

DataSpace space_of_data(const fs::path& name, const Grid& grid) {
  DataSpace space{.name = space_in_name(name.filename()), .voxel_size = 0};
  for (std::size_t axis = 0; axis < 3; ++axis)
    space.voxel_size += std::hypot(grid.affine[axis], grid.affine[4 + axis], grid.affine[8 + axis]) / 3;
  if (!space.name.empty()) return space;
  if (near(grid, {91, 109, 91}, 2, {-90, -126, -72})) space.name = "MNI152NLin6Asym";
  if (near(grid, {97, 115, 97}, 2, {-96, -132, -78})) space.name = "MNI152NLin2009cAsym";
  return space;
}

}  // namespace brainmt::parcels
