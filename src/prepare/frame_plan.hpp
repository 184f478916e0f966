#pragma once
// Which frames of a scan are stored. Decided from its header, its motion and the options before a voxel is read.
#include <cstdint>
#include <span>
#include <vector>

#include "prepare/processing.hpp"

namespace brainmt::prepare {

struct FramePlan {
  std::int64_t input = 0;             // frames of the file
  std::int64_t frames = 0;            // frames in the store
  double repetition_time = 0;         // of the store, seconds
  std::int64_t censored = 0;          // frames of the file that are not used
  double step = 0;                    // > 0: resample, a stored frame every `step` frames of the file
  std::vector<std::uint8_t> dropped;  // 1 for each censored frame of the file; empty: none
};

/// Throws DataError where tr= cannot be reached from this repetition time: unknown (NaN), or too far away.
void check_repetition_time(double repetition_time, const Processing& processing);

/// `fd`: framewise displacement of each frame in mm, NaN where it is not known (such frames are kept); used with
/// censor_fd only. Throws DataError: a repetition time that cannot be resampled, no motion, more frames censored than
/// censor_max allows.
FramePlan plan_frames(std::int64_t frames, double repetition_time, const Processing& processing,
                      std::span<const double> fd);

}  // namespace brainmt::prepare
