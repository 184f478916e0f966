#pragma once
// What is taken from a scan while its frames pass by: statistics, the voxels that are ever not zero, and their values.
//
// A voxel belongs to the scan's own mask from the first frame on in which it is not zero. Values are packed in the
// order of that discovery, so one that is found late only makes later rows longer; where a row ends before a voxel, the
// voxel was zero.
#include <cstdint>
#include <span>
#include <vector>

#include "prepare/frame_values.hpp"
#include "prepare/quality.hpp"
#include "prepare/spill.hpp"

namespace brainmt::prepare {

/// Over all non-zero entries of all frames.
struct ScanValues {
  double count = 0, mean = 0, std = 0;  // std unbiased (divisor count - 1)
  double smallest = 0, largest = 0;
};

class Collector {
 public:
  /// `voxels`: of a frame. The rows go to `spill`, which is cleared.
  Collector(std::size_t voxels, Spill& spill);

  /// A frame of finite values.
  void add(std::span<const float> frame);

  std::int64_t frames() const { return frames_; }
  /// Throws DataError: all zero, constant.
  ScanValues values() const;
  /// Frames with a spike (prepare/quality.hpp).
  std::uint32_t spikes() const { return count_spikes(by_frame_); }
  /// The place in the frame of each packed value.
  const std::vector<std::uint32_t>& places() const { return places_; }

 private:
  void discover(std::span<const float> frame);

  Spill& spill_;
  std::int64_t frames_ = 0;
  Moments all_;
  std::vector<FrameValues> by_frame_;
  float smallest_, largest_;
  std::vector<std::uint8_t> known_;  // by place
  std::vector<std::uint32_t> places_;
  std::vector<float> row_;
};

}  // namespace brainmt::prepare
