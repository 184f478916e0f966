#pragma once
// Properties of the training data that a model depends on: space of the volumes, scaling of voxels, repetition time,
// cohort. Stored in the weights (metadata `brainmt.data`), in checkpoints and in provenance.json, and compared with the
// cohort that the model is applied to or continued on.
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/cohort.hpp"

namespace brainmt::run {

struct DataOrigin {
  std::array<std::int64_t, 3> grid{};  // X, Y, Z
  std::array<double, 16> affine{};     // row-major, voxel to mm
  std::string normalization;
  std::string fill;                              // "lowest", or the number
  double tr_median = 0, tr_min = 0, tr_max = 0;  // seconds, of the scans whose repetition time is known; 0: none
  std::string processing;                        // JSON of the other processing of the frames: tr, censoring, ...
  std::string layout;
  std::uint64_t scans = 0;
  std::string fingerprint;                // cohort_fingerprint()
  std::vector<std::string> mismatches{};  // differences that data.allow_mismatch let pass while it was trained
};

DataOrigin origin_of(const io::Cohort& cohort);

inline constexpr const char* kDataKey = "brainmt.data";
/// One JSON object.
std::string describe_origin(const DataOrigin& origin);
/// None when `text` is not such a description.
std::optional<DataOrigin> described_origin(const std::string& text);

/// Each as text with both values: "normalization: zscore in training, minmax here".
struct OriginDifferences {
  std::vector<std::string> decisive;  // orientation, origin, normalisation, fill: another input to the model
  std::string repetition_time;        // by more than 1 %; "" when it is the same or not known
  std::string processing;             // other processing of the frames
};
/// The grid is not compared: the model has it.
OriginDifferences compare(const DataOrigin& trained, const DataOrigin& here);

/// SHA-256 of participants, runs, lengths, repetition times and statistics of all scans: the same for a cohort in one
/// file and in shards.
std::string cohort_fingerprint(const io::Cohort& cohort);

/// What the last start of the run in this directory recorded in provenance.json; none: nothing, as older runs.
std::optional<DataOrigin> origin_of_run(const std::filesystem::path& run_dir);
/// Throws DataError where `cohort` holds other scans than those that the run in `run_dir` recorded.
void check_cohort_of_run(const std::filesystem::path& run_dir, const io::Cohort& cohort);

}  // namespace brainmt::run
