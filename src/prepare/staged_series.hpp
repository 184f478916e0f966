#pragma once
// The series of one scan, ready to be copied: a private file of the staging area (prepare/staging.hpp), removed when the
// cohort is complete. A scan that cannot be used is staged too, as its reason, so that a restart does not read it again.
//
//   "brainmt series 1\n" | a line of JSON: identity and facts | values, float32 | coverage, float64 | CRC-32 of all before
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "prepare/scan_list.hpp"

namespace brainmt::prepare {

struct StagedSeries {
  std::string identity;  // of the input and the options
  std::string reason;    // why the scan cannot be used; of a used one: what is amiss with it
  bool usable = false;
  Dropped cause = Dropped::kContent;
  std::int64_t frames = 0, censored = 0;  // in the store; of the file and left out
  double repetition_time = std::numeric_limits<double>::quiet_NaN();
  double mean_fd = std::numeric_limits<double>::quiet_NaN();
  unsigned oddities = 0;
  std::uint64_t missing = 0;     // parcels without a value
  std::vector<float> values;     // [frame, parcel]
  std::vector<double> coverage;  // of each parcel, 0 to 1; NaN: not known
};

/// Throws OutputError.
void write_staged(const std::filesystem::path& path, const StagedSeries& series);

/// Nothing where there is no such file, or it is damaged or of another identity.
std::optional<StagedSeries> find_staged(const std::filesystem::path& path, const std::string& identity);

}  // namespace brainmt::prepare
