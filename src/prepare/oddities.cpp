#include "prepare/oddities.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "io/printable.hpp"
#include "io/repetition_times.hpp"

namespace brainmt::prepare {
namespace {

struct Kind {
  Oddity oddity;
  log::Level level;
  std::string_view text;  // behind "3 of 20 scans (the first: 'sub-01.nii.gz')"
};

constexpr std::array kKinds{
    Kind{kTimeInMilliseconds, log::Level::kWarn,
         "give their repetition time in milliseconds under the unit of seconds: read as milliseconds"},
    Kind{kTimeUnknown, log::Level::kWarn,
         "have a repetition time that is missing or cannot be right, stored as unknown: give RepetitionTime (seconds) "
         "in a .json beside the scan"},
    Kind{kTimeDisputed, log::Level::kWarn, "have another repetition time in their sidecar, which is taken"},
    Kind{kTransformRefused, log::Level::kWarn,
         "have a sform (or qform) that is no affine, as zeros are: the next best of qform and voxel sizes is taken"},
    Kind{kOrientationUnknown, log::Level::kWarn,
         "do not say their orientation (no usable sform or qform): which side is left is not known; copy it from the "
         "images that they were made of (FSL: fslcpgeom)"},
    Kind{kNanBackground, log::Level::kInfo, "have voxels that are NaN in every frame: background, as zeros are"},
    Kind{kUnmasked, log::Level::kWarn,
         "have no brain mask and hardly a voxel that is zero: air is stored and normalised as if it were brain; give "
         "mask=PATTERN, the path of a mask below input with {subject} in it"},
    Kind{kSpikes, log::Level::kWarn,
         "have spikes: voxels or frames far off all others, which flatten the scan when it is normalised"},
    Kind{kEmptyFrames, log::Level::kWarn, "have empty frames, or frames of which a part is empty"},
    Kind{kFrozenFrames, log::Level::kWarn, "have frozen frames, equal to the frame before"},
    Kind{kDeadSlices, log::Level::kWarn, "have dead slices: empty in some frame, or the same in all"},
};

}  // namespace

void warn_of_oddities(std::span<const ScanEntry> scans) {
  std::vector<double> times;
  for (const ScanEntry& scan : scans)
    if (scan.usable()) times.push_back(scan.repetition_time);
  for (const Kind& kind : kKinds) {
    const auto has_it = [&](const ScanEntry& scan) { return scan.usable() && (scan.oddities & kind.oddity) != 0; };
    const auto first = std::ranges::find_if(scans, has_it);
    if (first == scans.end()) continue;
    log::write(kind.level,
               fmt::format("{} of {} used scans (the first: {}) {}; the report has the details",
                           std::ranges::count_if(scans, has_it), times.size(), io::printable(first->file), kind.text));
  }
  if (const std::string differ = io::differing_repetition_times(times); !differ.empty()) log::warn("{}", differ);
}

}  // namespace brainmt::prepare
