#pragma once
// NIfTI scans -> one cohort store, by all ranks of a communicator.
//
//   1. rank 0 lists the scans; the phenotype table is read
//   2. headers, shared over the ranks; the grid and affine that most scans have become the cohort's
//   3. survey, shared: each scan is read once, its statistics and its mask of non-zero voxels are taken; the cohort's
//      mask is the union of the scans' masks
//   4. the report is written; too many bad scans end the command here
//   5. each scan is read again, normalised, rounded to float16 and written
//
// A rank holds a frame and a few megabytes of float16 at a time, whatever the scans' length. Each scan is handled by
// one rank alone and statistics are exchanged exactly, so the store's data do not depend on the number of ranks.
#include <mpi.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace brainmt::prepare {

/// How a voxel x of a scan becomes the stored value. m, s: mean and unbiased standard deviation over all non-zero
/// entries of all frames; zeros become the smallest normalised value of the scan.
enum class Normalize {
  kZscore,  // (x - m) / s
  kMinmax,  // (x - min) / (max - min), zeros 0
  kNone     // x, zeros 0
};
/// From the words of the command line: zscore | minmax | none. Throws UsageError.
Normalize parse_normalize(std::string_view word);

struct PrepareConfig {
  std::filesystem::path input;       // directory of scans
  std::filesystem::path output;      // cohort to write; its report takes the name with the extension .report.tsv
  std::string pattern;               // path below input with {subject}; empty: flat, <input>/<subject>.nii[.gz]
  std::filesystem::path phenotypes;  // table; empty: <input>/phenotypes.csv where it exists, else none
  std::string id_column = "participant_id";
  Normalize normalize = Normalize::kZscore;
  int min_frames = 1;
  double max_bad = 0.1;    // share of the scans that may be bad
  std::string provenance;  // stored in the cohort as it is
};

struct PrepareSummary {
  std::size_t used = 0, bad = 0, unlisted = 0;  // unlisted: scans of subjects that the table does not have
  std::size_t voxels = 0;                       // in the common mask
  std::size_t frames = 0;                       // of all used scans
  std::filesystem::path report;
};

enum class Stage { kHeaders, kSurvey, kWrite };
/// Called after each scan of this rank's share in each stage.
using Progress = std::function<void(Stage stage, std::size_t done, std::size_t share)>;

/// Collective. Throws on every rank the same DataError (nothing usable, too many bad scans, a table that cannot be
/// read), UsageError or OutputError; then there is no file under the output's name but the one that was there before.
PrepareSummary prepare(const PrepareConfig& config, MPI_Comm comm, const Progress& progress = {});

}  // namespace brainmt::prepare
