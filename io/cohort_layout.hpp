#pragma once
// What a cohort store holds, shared by its writer and its reader. docs/cohort-format.md gives the file layout.
//
// A store holds voxels or parcels. Every frame is a row: its in-mask voxels in the model's order [Y, X, Z] (Z fastest),
// as float16, or its parcels, as float. A scan's frames follow one another and the scans follow one another, so a window
// of T frames is one contiguous range of the file.
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "io/parcel_table.hpp"

namespace brainmt::io {

/// Extents of the volume by NIfTI axis. The dense frame is [y, x, z]: the model sees Y before X.
struct CohortGrid {
  std::uint32_t x = 0, y = 0, z = 0;
  std::size_t voxels() const { return std::size_t{x} * y * z; }
  bool operator==(const CohortGrid&) const = default;
};

/// Known only after a scan was read and normalised.
struct ScanStatistics {
  double mean = 0, std = 0;  // over the in-brain voxels of all frames, in the scan's own units, before normalisation
  std::uint16_t fill = 0;    // float16 bits: value of every voxel outside the mask when the dense frame is rebuilt
};

/// Quality counts of a scan, made by prepare; thresholds: docs/preparation.md.
struct ScanQuality {
  std::uint32_t spikes = 0;         // frames with a value far off all others
  std::uint32_t empty_frames = 0;   // frames that hold nothing, or much less than the others
  std::uint32_t frozen_frames = 0;  // frames equal to the one before
  std::uint32_t dead_slices = 0;    // slices of any axis that are empty in some frame, or the same in all
  bool operator==(const ScanQuality&) const = default;
};

struct CohortScan {
  std::string participant_id;
  std::string source;  // name of the input, relative to the input directory
  std::uint64_t frames = 0;
  double repetition_time = 0;  // seconds; NaN: not known
  ScanStatistics statistics = {};
  std::uint64_t first_frame = 0;  // row of its first frame in its file; assigned by the writer
  std::string run = {};           // which scan of the participant, as REST1_LR or ses-1_run-2; empty where it has one
  double mean_fd = std::numeric_limits<double>::quiet_NaN();  // mean framewise displacement, mm; NaN: not known
  std::optional<ScanQuality> quality = {};                    // none: made before it was counted
};

/// One column of the phenotype table, one value a scan in the order of the scans: numbers (NaN is missing) or text.
struct PhenotypeColumn {
  std::string name;
  std::variant<std::vector<double>, std::vector<std::string>> values;
};

/// Description of a cohort in one file or several.
struct CohortDescription {
  CohortGrid grid;
  std::array<double, 16> affine{};  // row-major 4x4, maps voxel (i, j, k, 1) along X, Y, Z to millimetres
  std::string normalization;        // zscore, minmax or none
  std::string layout;               // how the scans' files were named: flat, ukb, hcp, bids or pattern
  std::string processing;           // other processing of the frames: JSON object of the options used
  std::string provenance;           // program and options, as text; no time stamp, so equal input gives equal bytes
  std::vector<CohortScan> scans;
  std::vector<PhenotypeColumn> phenotypes;
  std::optional<ParcelTable> parcels{};  // none: the frames are voxels; else there is no grid and no affine
  std::uint64_t total_frames() const;
};

/// Description of one store file; all its scans share one mask.
struct CohortLayout : CohortDescription {
  std::vector<std::uint32_t> voxels;  // in-mask voxels as (y * grid.x + x) * grid.z + z, strictly ascending
  /// Values of a frame, and their bytes.
  std::size_t row_values() const { return parcels ? parcels->size() : voxels.size(); }
  std::size_t row_bytes() const { return row_values() * (parcels ? sizeof(float) : sizeof(std::uint16_t)); }
};

/// 1 to 64 ASCII letters, digits, '_' or '-': fit for a participant id, and for a file name made of it.
bool is_participant_id(std::string_view name);

/// Without NUL, at most 4,096 bytes.
bool is_storable_text(std::string_view text);

/// Validation shared by writer and reader. Refuses: no scans or voxels, unsafe or overlong names, columns of a wrong
/// length, extents beyond the limits of docs/cohort-format.md. Throws DataError that begins with `where`.
void check_layout(const CohortLayout& layout, const std::string& where);

/// Names in the file and version of its format.
namespace cohort_format {
inline constexpr const char* kFormat = "brainmt-cohort";
inline constexpr std::uint32_t kVersion = 2;        // of files of voxels
inline constexpr std::uint32_t kParcelVersion = 3;  // of files of parcels: a new layout of either takes the next number
inline constexpr std::size_t kMaxTextBytes = 4096;  // bytes of one text: a source, a phenotype, an attribute
/// Arrays under /scans that may be absent, all together.
inline constexpr std::array<std::pair<const char*, std::uint32_t ScanQuality::*>, 4> kQuality{
    {{"spikes", &ScanQuality::spikes},
     {"empty_frames", &ScanQuality::empty_frames},
     {"frozen_frames", &ScanQuality::frozen_frames},
     {"dead_slices", &ScanQuality::dead_slices}}};
}  // namespace cohort_format

}  // namespace brainmt::io
