#pragma once
// First pass over a scan: statistics, the mask of voxels that are non-zero in any frame, and their values.
//
// A voxel joins the scan's mask at the first frame in which it is non-zero. Values are packed in the order of joining,
// so rows of later frames may be longer; a voxel beyond the end of a row was zero in that frame.
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
  /// Index in the frame of each packed value.
  const std::vector<std::uint32_t>& voxel_indices() const { return voxel_indices_; }

 private:
  void discover(std::span<const float> frame);

  Spill& spill_;
  std::int64_t frames_ = 0;
  Moments all_;
  std::vector<FrameValues> by_frame_;
  float smallest_, largest_;
  std::vector<std::uint8_t> known_;  // by index in the frame
  std::vector<std::uint32_t> voxel_indices_;
  std::vector<float> row_;
};

}  // namespace brainmt::prepare
