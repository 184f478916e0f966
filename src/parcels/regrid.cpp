#include "parcels/regrid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "base/error.hpp"

namespace brainmt::parcels {
namespace {

using Affine = std::array<double, 16>;

// Of the 3x3 part and the translation; the last row is 0 0 0 1.
Affine inverse(const Affine& a) {
  const auto minor = [&](std::size_t r0, std::size_t c0, std::size_t r1, std::size_t c1) {
    return a[4 * r0 + c0] * a[4 * r1 + c1] - a[4 * r0 + c1] * a[4 * r1 + c0];
  };
  const double determinant = a[0] * minor(1, 1, 2, 2) - a[1] * minor(1, 0, 2, 2) + a[2] * minor(1, 0, 2, 1);
  BRAINMT_CHECK(determinant != 0 && std::isfinite(determinant), "an affine without an inverse");
  Affine out{};
  for (std::size_t r = 0; r < 3; ++r)
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t r0 = (c + 1) % 3, r1 = (c + 2) % 3, c0 = (r + 1) % 3, c1 = (r + 2) % 3;
      out[4 * r + c] = minor(r0, c0, r1, c1) / determinant;  // cyclic indices carry the sign
    }
  for (std::size_t r = 0; r < 3; ++r)
    for (std::size_t c = 0; c < 3; ++c) out[4 * r + 3] -= out[4 * r + c] * a[4 * c + 3];
  out[15] = 1;
  return out;
}

Affine product(const Affine& a, const Affine& b) {
  Affine out{};
  for (std::size_t r = 0; r < 4; ++r)
    for (std::size_t c = 0; c < 4; ++c)
      for (std::size_t k = 0; k < 4; ++k) out[4 * r + c] += a[4 * r + k] * b[4 * k + c];
  return out;
}

// Takes the voxels of one grid to those of another.
class Mapping {
 public:
  Mapping(const Grid& from, const Grid& to) : affine_(product(inverse(to.affine), from.affine)), to_(to) {}

  struct Hit {
    std::size_t voxel = 0;
    bool inside = false, off_centre = false;
  };
  Hit operator()(std::int64_t i, std::int64_t j, std::int64_t k) const {
    std::array<std::int64_t, 3> at{};
    Hit hit{.voxel = 0, .inside = true, .off_centre = false};
    for (std::size_t row = 0; row < 3; ++row) {
      const double* a = affine_.data() + 4 * row;
      const double c =
          a[0] * static_cast<double>(i) + a[1] * static_cast<double>(j) + a[2] * static_cast<double>(k) + a[3];
      const double rounded = std::round(c * 1e6) / 1e6, nearest = std::floor(rounded + 0.5);
      hit.off_centre = hit.off_centre || rounded != nearest;
      if (!(nearest >= 0 && nearest < static_cast<double>(to_.shape[row]))) return {};
      at[row] = static_cast<std::int64_t>(nearest);
    }
    hit.voxel = static_cast<std::size_t>(at[0] + to_.shape[0] * (at[1] + to_.shape[1] * at[2]));
    return hit;
  }

 private:
  Affine affine_;
  const Grid& to_;
};

// visit(voxel, hit) for each voxel of `from`, X fastest.
template <class Visit>
void for_voxels(const Grid& from, const Mapping& mapping, const Visit& visit) {
  std::size_t voxel = 0;
  for (std::int64_t k = 0; k < from.shape[2]; ++k)
    for (std::int64_t j = 0; j < from.shape[1]; ++j)
      for (std::int64_t i = 0; i < from.shape[0]; ++i, ++voxel) visit(voxel, mapping(i, j, k));
}

std::string box_of(const Grid& grid) {
  std::string text;
  for (std::size_t row = 0; row < 3; ++row) {
    double low = grid.affine[4 * row + 3], high = low;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double reach = grid.affine[4 * row + axis] * static_cast<double>(grid.shape[axis] - 1);
      low += std::min(reach, 0.0);
      high += std::max(reach, 0.0);
    }
    text += fmt::format("{}{} {:.0f} to {:.0f}", row == 0 ? "" : ", ", "xyz"[row], low, high);
  }
  return text + " mm";
}

}  // namespace

GridParcels regrid(const Atlas& atlas, const Grid& data) {
  const Grid own{atlas.shape, atlas.affine};
  GridParcels out;
  out.grid = data;
  out.own = atlas.voxels;
  out.column.assign(data.voxels(), 0);
  std::vector<std::uint8_t> has(atlas.voxels.size(), 0);
  for_voxels(data, Mapping(data, own), [&](std::size_t voxel, const Mapping::Hit& hit) {
    out.resampled = out.resampled || hit.off_centre;
    const std::uint16_t column = hit.inside ? atlas.column[hit.voxel] : std::uint16_t{0};
    if (column == 0) return;
    out.column[voxel] = column;
    has[column - 1u] = 1;
    ++out.labelled;
    out.moved += hit.off_centre ? 1 : 0;
  });
  std::map<std::pair<std::uint16_t, std::uint32_t>, std::uint32_t> counts;
  for_voxels(own, Mapping(own, data), [&](std::size_t voxel, const Mapping::Hit& hit) {
    const std::uint16_t column = atlas.column[voxel];
    if (column == 0) return;
    if (hit.inside)
      ++counts[{static_cast<std::uint16_t>(column - 1), static_cast<std::uint32_t>(hit.voxel)}];
    else
      ++out.lost;
  });
  for (const auto& [key, count] : counts) out.shares.push_back({key.second, count, key.first});
  for (std::size_t p = 0; p < has.size(); ++p)
    if (has[p] == 0) out.empty.push_back(static_cast<std::uint16_t>(p));
  if (out.labelled == 0) {
    throw DataError(
        fmt::format("'{}' does not overlap with the data: the atlas lies in {}, the data in {}; take the atlas "
                    "of the data's space",
                    atlas.path.string(), box_of(own), box_of(data)));
  }
  return out;
}

std::vector<float> sample_map(const std::vector<float>& map, const Grid& from, const Grid& data) {
  std::vector<float> values(data.voxels(), 0);
  for_voxels(data, Mapping(data, from), [&](std::size_t voxel, const Mapping::Hit& hit) {
    if (hit.inside) values[voxel] = map[hit.voxel];
  });
  return values;
}

std::string describe(const GridParcels& parcels, const Atlas& atlas) {
  std::string text =
      fmt::format("'{}': {} parcels, {} voxels of the data", atlas.path.string(), parcels.parcels(), parcels.labelled);
  if (parcels.resampled)
    text += fmt::format("; brought to the data's grid by nearest neighbour, {} of these voxels moved", parcels.moved);
  if (parcels.lost > 0) {
    std::uint64_t all = 0;
    for (const std::uint32_t own : parcels.own) all += own;
    text += fmt::format("; {} of the atlas' {} labelled voxels lie outside the data's grid (lost)", parcels.lost, all);
  }
  if (parcels.empty.empty()) return text;
  constexpr std::size_t kListed = 12;
  text += fmt::format("; {} without a voxel:", parcels.empty.size());
  for (std::size_t i = 0; i < std::min(parcels.empty.size(), kListed); ++i)
    text += fmt::format("{} {}", i == 0 ? "" : ",", atlas.parcels.name[parcels.empty[i]]);
  return text + (parcels.empty.size() > kListed ? ", ..." : "");
}

}  // namespace brainmt::parcels
