#pragma once
// Summary of a preparation: scans in the store, scans left out by reason, minutes of signal.
#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/cohort_layout.hpp"
#include "prepare/phenotypes.hpp"
#include "prepare/scan_list.hpp"
#include "prepare/stage_times.hpp"

namespace brainmt::prepare {

/// What one reason keeps out of the store; `example` is a file or an id.
struct LeftOut {
  std::string reason;
  std::size_t count = 0;
  std::string example;
};

struct PrepareSummary {
  std::size_t used = 0, bad = 0, unlisted = 0;  // unlisted: scans of subjects that the table does not have
  std::size_t overlooked = 0;       // files and folders that may be scans and are not read, but for second copies
  std::size_t participants = 0;     // of the used scans
  std::size_t voxels = 0;           // in the common mask
  std::size_t frames = 0;           // of all used scans
  std::size_t parcels = 0;          // of a cohort of parcels: then there is no mask
  std::size_t missing_parcels = 0;  // that have no value, summed over the scans
  std::size_t reused = 0;           // scans that an earlier preparation had staged
  io::CohortGrid grid;
  double voxel_mm3 = 0;
  std::vector<LeftOut> left_out;                   // by reason
  WithoutScan without_scan;                        // participants of the table
  std::vector<double> minutes;                     // of signal, of each participant, ascending
  std::map<double, std::size_t> repetition_times;  // seconds, and how many used scans have them
  std::size_t without_time = 0;                    // used scans of unknown repetition time: not in `minutes`
  std::string space, normalization;                // in words
  StageTimes times;                                // summed over the ranks
  bool already_complete = false;                   // this shard had been made before: nothing was done
  std::filesystem::path output, report;

  std::size_t found() const { return used + bad + unlisted; }
};

/// Counts scans, participants, minutes and repetition times.
void count_scans(PrepareSummary& summary, const std::vector<ScanEntry>& scans);

/// "MNI152 2 mm", or the grid's voxel size: what `affine` of `grid` is, for people.
std::string space_in_words(const io::CohortGrid& grid, const std::array<double, 16>& affine);
/// Cubic millimetres of a voxel.
double voxel_volume(const std::array<double, 16>& affine);

/// The summary as lines for people: scans, who is left out, mask, minutes, repetition times, space, values, files.
std::string summary_text(const PrepareSummary& summary);
/// Seconds by kind of work, summed over `ranks`.
std::string times_text(const StageTimes& times, int ranks);

}  // namespace brainmt::prepare
