#pragma once
// Normalises voxel values with the statistics of their scan and rounds them to float16.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/cohort_layout.hpp"
#include "prepare/collector.hpp"
#include "prepare/processing.hpp"

namespace brainmt::prepare {

class Normalizer {
 public:
  /// `fill`: of zeros; none: as Normalize says. Throws DataError when values of kNone do not fit in float16.
  Normalizer(Normalize mode, std::optional<double> fill, const ScanValues& values);

  /// The scan's statistics as stored.
  io::ScanStatistics statistics() const { return {mean_, std_, fill_}; }
  /// out[k] = normalised values[k] as float16 bits, the fill value where that is zero. Equal counts.
  void operator()(std::span<const float> values, std::span<std::uint16_t> out);

 private:
  double offset_ = 0, scale_ = 1;  // (x - offset) / scale
  double mean_, std_;
  std::uint16_t fill_ = 0;
  std::vector<float> normalised_;
};

}  // namespace brainmt::prepare
