#pragma once
// The repetition time of a scan: from its BIDS sidecar, else from its header, if plausible.
#include <filesystem>
#include <limits>
#include <optional>
#include <string>

namespace brainmt::prepare {

/// Plausible range, seconds. 50 to 30,000 "seconds" are taken as milliseconds with the wrong unit.
inline constexpr double kMinTime = 0.05, kMaxTime = 30;

struct RepetitionTime {
  double seconds = std::numeric_limits<double>::quiet_NaN();  // NaN: not known
  bool was_milliseconds = false;                              // converted
  std::string note;                                           // warning; empty: none
};

/// RepetitionTime of a sidecar; nothing where it has none. Throws DataError: no JSON object, no number.
std::optional<double> sidecar_time(const std::filesystem::path& sidecar);

/// `header`: as the header has it, in seconds by its unit. `sidecar`: JSON file with RepetitionTime; empty: none.
RepetitionTime repetition_time_of(double header, const std::filesystem::path& sidecar);

}  // namespace brainmt::prepare
