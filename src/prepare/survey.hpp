#pragma once
// What has to be known of a scan before it can be normalised, and the normalisation.
#include <cstdint>
#include <span>
#include <vector>

#include "io/cohort_layout.hpp"
#include "io/nifti.hpp"
#include "prepare/prepare.hpp"

namespace brainmt::prepare {

/// Over all non-zero entries of all frames.
struct ScanValues {
  double count = 0, mean = 0, std = 0;  // std unbiased (divisor count - 1)
  double smallest = 0, largest = 0;
};

/// Reads every frame of the scan. Sets mask[v] = 1 for each voxel that is not zero in some frame (NIfTI order).
/// Throws DataError: damaged file, NaN or infinite voxels, all zero, constant.
ScanValues survey_scan(io::NiftiReader& scan, std::vector<std::uint8_t>& mask);

/// Voxel values to float16 bits, by the statistics of their scan.
class Normalizer {
 public:
  /// Throws DataError when values of kNone do not fit in float16.
  Normalizer(Normalize mode, const ScanValues& values);

  /// What the store keeps of the scan.
  io::ScanStatistics statistics() const { return {mean_, std_, fill_}; }
  /// out[k] = normalised frame[voxels[k]], the fill value where that is zero.
  void operator()(std::span<const float> frame, std::span<const std::uint32_t> voxels, std::span<std::uint16_t> out);

 private:
  double offset_ = 0, scale_ = 1;  // (x - offset) / scale
  double mean_, std_;
  std::uint16_t fill_ = 0;
  std::vector<float> normalised_;
};

}  // namespace brainmt::prepare
