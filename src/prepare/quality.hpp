#pragma once
// What acquisition and transfer leave in scans: spikes, empty or frozen frames, dead slices. Counted while the frames
// pass by; docs/preparation.md has the thresholds.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/cohort_layout.hpp"
#include "prepare/frame_values.hpp"

namespace brainmt::prepare {

/// What becomes of a scan with findings: a warning, refused, or a number in the report.
enum class QualityPolicy { kWarn, kStrict, kOff };
/// From the words of the command line: warn | strict | off. Throws UsageError.
QualityPolicy parse_quality(std::string_view word);

/// "3 frames with spikes; 2 empty frames": the findings above the thresholds; empty: none.
std::string quality_text(const io::ScanQuality& quality);

/// Looks at the frames of a scan in order: one pass over each, and two numbers a slice (of each axis) and frame are
/// kept.
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
