#pragma once
// The space of a cohort: the grid and affine that most scans have, and the voxels that its store keeps.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/cohort_layout.hpp"
#include "io/nifti.hpp"

namespace brainmt::prepare {

/// A scan's header as doubles for the exchange between ranks; extents and counts are exact.
struct HeaderRow {
  static constexpr std::size_t kWidth = 22;  // X, Y, Z, frames, repetition time, affine, where the affine is from
  std::array<double, kWidth> numbers{};

  static HeaderRow of(const io::NiftiHeader& header);
  io::CohortGrid grid() const;
  std::int64_t frames() const { return static_cast<std::int64_t>(numbers[3]); }
  double repetition_time() const { return numbers[4]; }
  std::array<double, 16> affine() const;
  /// False where the header has no usable sform or qform: then its affine is no more than the voxel sizes.
  bool orientation_known() const;
  /// Equal grids, and affines within a micrometre: tools round them to float in different orders. A flipped axis is
  /// another space, even where the grid is the same.
  bool same_space(const HeaderRow& other) const;
  bool operator==(const HeaderRow&) const = default;
};

/// A header of the most frequent space; ties go to the first. `headers` is not empty.
HeaderRow most_common_space(const std::vector<HeaderRow>& headers);

/// Why a scan cannot go into a store of the majority's space: another grid, an unknown, flipped or different affine.
/// Empty when it can.
std::string space_difference(const HeaderRow& scan, const HeaderRow& majority);

/// The space of MNI152 2 mm images: 91 x 109 x 91 voxels whose affine is FSL's (x falls with its index, origin 90,
/// -126, -72 mm) or the same image stored the other way round in x. Returns why the scan is not in it, with what to run
/// for `file`; empty when it is.
std::string mni_objection(const HeaderRow& scan, std::string_view file);

/// The FSL command that takes a UK Biobank scan from native space to MNI. `fmri`: the folder fMRI of the bulk folder.
std::string applywarp_command(const std::string& fmri);

/// Indices of the voxels of a mask: in the store's order ([Y, X, Z], ascending), and in a NIfTI frame (X fastest).
struct MaskIndex {
  std::vector<std::uint32_t> stored, nifti;
};
/// `mask`: one flag a voxel, X fastest.
MaskIndex index_mask(const io::CohortGrid& grid, const std::vector<std::uint8_t>& mask);

}  // namespace brainmt::prepare
