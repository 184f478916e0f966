#pragma once
// Options of preparation that decide the stored bits (docs/preparation.md).
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "io/cohort_layout.hpp"

namespace brainmt::prepare {

/// How a voxel x of a scan becomes the stored value. m, s: mean and unbiased standard deviation over all non-zero
/// entries of all frames. Zeros become the fill value.
enum class Normalize {
  kZscore,  // (x - m) / s; lowest fill: the smallest normalised value of the scan
  kMinmax,  // (x - min) / (max - min); lowest fill: 0
  kNone     // x; lowest fill: 0
};
/// From the words of the command line: zscore | minmax | none. Throws UsageError.
Normalize parse_normalize(std::string_view word);
std::string_view name_of(Normalize normalize);

/// The voxels that are kept along X, Y and Z: [first, last).
struct Crop {
  std::array<std::uint32_t, 3> first{}, last{};

  io::CohortGrid grid() const { return {last[0] - first[0], last[1] - first[1], last[2] - first[2]}; }
  /// The affine of the cropped volume: voxel 0 moves to where `first` was.
  std::array<double, 16> affine(const std::array<double, 16>& whole) const;
};
/// From [x0, x1, y0, y1, z0, z1]; an empty list is no crop. Throws UsageError.
std::optional<Crop> parse_crop(const std::vector<std::int64_t>& ranges);

/// From "lowest" (none) or a number that fits in float16. Throws UsageError.
std::optional<double> parse_fill(std::string_view text);

struct Processing {
  Normalize normalize = Normalize::kZscore;
  std::optional<double> fill;  // of zeros; none: the scan's own lowest, as Normalize says
  std::optional<Crop> crop;
  double tr = 0;              // repetition time to resample to, seconds; 0: every scan keeps its own
  double censor_fd = 0;       // frames of more framewise displacement than this (mm) are left out; 0: none are
  double censor_max = 0.5;    // share of the frames that may be left out before the scan counts as bad
  std::string mask = "auto";  // auto, nonzero or a path (prepare/brain_mask.hpp)

  static Processing from_config(const config::Config& config);

  /// The options in use but normalize as a JSON object: what the cohort keeps as its processing.
  std::string json() const;
  /// The same of tables of series, whose values are stored as they are: without fill, crop and mask.
  std::string series_json() const;
  /// For people: "z-scored per scan; zeros become the scan's lowest value; ...".
  std::string in_words() const;
  std::string series_in_words() const;
  /// Text that differs whenever an option differs that changes a prepared scan.
  std::string identity() const;
};

}  // namespace brainmt::prepare
