#pragma once
// Series of a cohort's scans as connectivity uses them: whole scans or windows, the global signal removed or kept.
#include <cstdint>
#include <functional>
#include <vector>

#include "connectivity/estimators.hpp"
#include "io/cohort.hpp"
#include "linalg/matrix.hpp"

namespace brainmt::connectivity {

enum class GlobalSignal { kKeep, kRegress };

/// First frames of the windows of a scan: those that evaluation of a model on windows of so many frames sees.
using WindowStarts = std::function<std::vector<std::size_t>(std::size_t scan_frames)>;

struct FrameChoice {
  std::uint64_t window = 0;  // frames; 0: the whole scan
  WindowStarts starts{};     // for windows
};

/// Frames [first, first + count) of one scan.
struct Segment {
  std::size_t scan = 0;
  std::uint64_t first = 0, count = 0;
};

/// The segments of a scan; none where it is shorter than the window.
std::vector<Segment> segments_of(const io::Cohort& cohort, std::size_t scan, const FrameChoice& choice);

/// X [P, T] in double. Frames are verified. With kRegress, per parcel: x - mean - b (g - mean g), where g is the mean
/// over the voxels of all parcels that the scan covers (each parcel counts its voxels; once, where they are not known),
/// b by least squares. A parcel that the scan does not cover is NaN. Throws DataError. Safe to call from several threads.
linalg::Matrix read_segment(const io::Cohort& cohort, const Segment& segment, GlobalSignal global);

/// The same for series that are in memory; `voxels` [P] or empty.
void regress_global_signal(linalg::Matrix& x, std::span<const std::uint32_t> voxels);

/// Parcels that no scan of the list covers: NaN in the first frame of each.
std::vector<bool> absent_parcels(const io::Cohort& cohort, std::span<const std::size_t> scans);

}  // namespace brainmt::connectivity
