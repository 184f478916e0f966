#pragma once
// Quality of a scan: counts of spikes, empty or frozen frames and dead slices, in one pass over the frames. Thresholds:
// docs/preparation.md.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/cohort_layout.hpp"
#include "prepare/frame_values.hpp"

namespace brainmt::prepare {

/// Action on findings: warn, refuse the scan, or only count in the report.
enum class QualityPolicy { kWarn, kStrict, kOff };
/// From the words of the command line: warn | strict | off. Throws UsageError.
QualityPolicy parse_quality(std::string_view word);

/// "3 frames with spikes; 2 empty frames": the findings above the thresholds; empty: none.
std::string quality_text(const io::ScanQuality& quality);

/// Takes the frames of a scan in order. Memory: two numbers per slice (of each axis) and frame.
class FrameWatch {
 public:
  explicit FrameWatch(const io::CohortGrid& grid);

  /// X fastest, zero outside the brain.
  void add(std::span<const float> frame);
  /// Empty and frozen frames, dead slices.
  io::ScanQuality findings() const;

 private:
  struct Slice {
    std::uint32_t nonzero = 0, fingerprint = 0;
    bool operator==(const Slice&) const = default;
  };
  struct Axis {
    std::size_t extent;
    std::vector<Slice> slices;  // [frame, extent]
  };
  static std::uint32_t dead_slices(const Axis& axis, const std::vector<std::uint8_t>& empty, bool moves);

  io::CohortGrid grid_;
  std::array<Axis, 3> axes_;  // X, Y, Z
  std::size_t frames_ = 0;
};

/// Frames with a spike, of the values of each frame that are not zero.
std::uint32_t count_spikes(std::span<const FrameValues> frames);

}  // namespace brainmt::prepare
