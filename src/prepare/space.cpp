#include "prepare/space.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.hpp"

namespace brainmt::prepare {
namespace {

constexpr double kAffineTolerance = 1e-3;  // mm

// Row-major 4x4 of MNI152 2 mm as FSL writes it: x falls with its index.
constexpr std::array<double, 16> kMniAffine{-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1};
constexpr io::CohortGrid kMniGrid{91, 109, 91};

bool close(const std::array<double, 16>& a, const std::array<double, 16>& b) {
  return std::ranges::equal(a, b, [](double x, double y) { return std::abs(x - y) <= kAffineTolerance; });
}

// The affine of the same image with one axis stored the other way round.
std::array<double, 16> flipped(std::array<double, 16> affine, const io::CohortGrid& grid, std::size_t axis) {
  const std::array extents{grid.x, grid.y, grid.z};
  for (std::size_t row = 0; row < 3; ++row) {
    double& step = affine[4 * row + axis];
    affine[4 * row + 3] += step * (extents[axis] - 1);
    step = -step;
  }
  return affine;
}

// The axis along which the columns of two affines point in opposite directions, if the others agree.
std::optional<std::size_t> flipped_axis(const std::array<double, 16>& a, const std::array<double, 16>& b) {
  std::optional<std::size_t> opposite;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    double same = 0, mirrored = 0;
    for (std::size_t row = 0; row < 3; ++row) {
      same = std::max(same, std::abs(a[4 * row + axis] - b[4 * row + axis]));
      mirrored = std::max(mirrored, std::abs(a[4 * row + axis] + b[4 * row + axis]));
    }
    if (same <= kAffineTolerance) continue;
    if (mirrored > kAffineTolerance || opposite) return std::nullopt;
    opposite = axis;
  }
  return opposite;
}

std::string to_text(const io::CohortGrid& grid) { return fmt::format("{}x{}x{}", grid.x, grid.y, grid.z); }

}  // namespace

HeaderRow HeaderRow::of(const io::NiftiHeader& header) {
  HeaderRow row;
  std::ranges::copy(header.shape, row.numbers.begin());
  row.numbers[4] = header.repetition_time;
  std::ranges::copy(header.affine, row.numbers.begin() + 5);
  row.numbers.back() = static_cast<double>(header.affine_source);
  return row;
}

io::CohortGrid HeaderRow::grid() const {
  const auto extent = [&](std::size_t axis) { return static_cast<std::uint32_t>(numbers[axis]); };
  return {extent(0), extent(1), extent(2)};
}

std::array<double, 16> HeaderRow::affine() const {
  std::array<double, 16> affine;
  std::copy_n(numbers.begin() + 5, affine.size(), affine.begin());
  return affine;
}

bool HeaderRow::orientation_known() const {
  return static_cast<io::AffineSource>(numbers.back()) != io::AffineSource::kVoxelSizes;
}

bool HeaderRow::same_space(const HeaderRow& other) const {
  return grid() == other.grid() && close(affine(), other.affine());
}

HeaderRow most_common_space(const std::vector<HeaderRow>& headers) {
  struct Space {
    HeaderRow first;
    std::size_t scans;
  };
  std::vector<Space> spaces;
  for (const HeaderRow& header : headers) {
    const auto known = std::ranges::find_if(spaces, [&](const Space& s) { return s.first.same_space(header); });
    if (known == spaces.end()) {
      spaces.push_back({header, 1});
    } else {
      ++known->scans;
    }
  }
  return std::ranges::max_element(spaces, {}, &Space::scans)->first;
}

std::string space_difference(const HeaderRow& scan, const HeaderRow& majority) {
  if (scan.same_space(majority)) return {};
  if (scan.grid() != majority.grid()) {
    return fmt::format("has a grid of {}, most scans have {}; resample it", to_text(scan.grid()),
                       to_text(majority.grid()));
  }
  if (!scan.orientation_known() || !majority.orientation_known()) {
    return fmt::format(
        "the orientation of {} is unknown (no usable sform or qform in the header): copy it from the images that they "
        "were made of (FSL: fslcpgeom)",
        scan.orientation_known() ? "most scans" : "this scan");
  }
  if (const auto axis = flipped_axis(scan.affine(), majority.affine())) {
    return fmt::format(
        "its affine differs from that of most scans: its {} axis is stored the other way round; reorient it (FSL: "
        "fslswapdim), do not change its header",
        "xyz"[*axis]);
  }
  return "its affine differs from that of most scans; bring it into the same space";
}

std::string mni_objection(const HeaderRow& scan, std::string_view file) {
  const auto affine = scan.affine();
  const bool same_grid = scan.grid() == kMniGrid;
  if (same_grid && (close(affine, kMniAffine) || close(affine, flipped(kMniAffine, kMniGrid, 0)))) return {};
  if (same_grid && !scan.orientation_known()) {
    return "does not say its orientation (no usable sform or qform), so it may be in MNI space or not: copy it from "
           "the "
           "image that it was made of (FSL: fslcpgeom); space=native takes scans as they are";
  }
  const std::string found = same_grid
                                ? fmt::format("an affine with steps {:g}, {:g}, {:g} mm and origin {:g}, {:g}, {:g} mm",
                                              affine[0], affine[5], affine[10], affine[3], affine[7], affine[11])
                                : fmt::format("a grid of {}", to_text(scan.grid()));
  return fmt::format(
      "has {}, expected MNI152 2 mm: {}, steps +-2, 2, 2 mm, origin +-90, -126, -72 mm; if it is in MNI space, run: "
      "flirt -in {} -ref $FSLDIR/data/standard/MNI152_T1_2mm_brain -applyxfm -usesqform -out <new name>; space=native "
      "takes scans as they are",
      found, to_text(kMniGrid), file);
}

std::string applywarp_command(const std::string& fmri) {
  return fmt::format(
      "applywarp --in={0}/rfMRI.ica/filtered_func_data_clean.nii.gz --ref=$FSLDIR/data/standard/MNI152_T1_2mm "
      "--warp={0}/rfMRI.ica/reg/example_func2standard_warp.nii.gz --out={0}/filtered_func_data_clean_MNI.nii.gz",
      fmri);
}

MaskIndex index_mask(const io::CohortGrid& grid, const std::vector<std::uint8_t>& mask) {
  MaskIndex index;
  for (std::uint32_t y = 0; y < grid.y; ++y) {
    for (std::uint32_t x = 0; x < grid.x; ++x) {
      for (std::uint32_t z = 0; z < grid.z; ++z) {
        const std::uint32_t voxel = x + grid.x * (y + grid.y * z);
        if (!mask[voxel]) continue;
        index.stored.push_back((y * grid.x + x) * grid.z + z);
        index.nifti.push_back(voxel);
      }
    }
  }
  return index;
}

}  // namespace brainmt::prepare
