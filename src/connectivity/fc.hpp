#pragma once
// Functional connectivity of the participants of a parcel cohort: what `brainmt fc` computes (docs/connectivity.md).
//
// Each segment (a run, or a window of it) has its own estimate. Those of a run, and of a participant, are averaged with
// weights frames - 3: Fisher z of correlations, covariances for `tangent`. A parcel that a segment lacks (not covered,
// constant) has no edges there; of `tangent`, one that any segment lacks has none.
//
// Ranks take whole participants, and sums over participants are exact (exact_sum.hpp): a row has the same bits for any
// number of ranks, threads and shards.
#include <mpi.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "config/config.hpp"
#include "connectivity/fc_file.hpp"
#include "connectivity/series.hpp"

namespace brainmt::connectivity {

enum class Kind { kPearson, kShrunk, kPartial, kTangent };
std::string_view name_of(Kind kind);

/// Participants whose scans everything fitted is fitted on.
struct TrainingPart {
  std::vector<std::string> ids;  // sorted
  std::string split_sha256;      // of the file that names them
};

struct FcSettings {
  Kind kind = Kind::kPearson;
  Scale scale = Scale::kZScore;
  std::optional<double> shrinkage;  // none: Ledoit and Wolf's
  GlobalSignal global = GlobalSignal::kKeep;
  std::size_t components = 0;  // of the subspace of coskewness; 0: none, the parcels themselves
  FrameChoice frames;
  bool rows_of_runs = false;
  std::optional<TrainingPart> training;  // needed for `tangent` and a subspace
  std::string cohort_fingerprint, program;
  int threads = 1;
  bool overwrite = false;  // replace a file of other settings or another cohort

  /// Without frames, training, cohort_fingerprint, program, threads, overwrite. Throws UsageError.
  static FcSettings from_config(const config::Config& config);
  bool fits() const { return kind == Kind::kTangent || components > 0; }
};

/// Part `index` of `count` jobs that share a cohort, from 1.
struct FcShard {
  std::size_t index = 1, count = 1;
};

struct FcSummary {
  std::size_t participants = 0, runs = 0, segments = 0;
  std::size_t too_short = 0;         // participants without a scan as long as the window
  std::size_t training = 0;          // participants that something was fitted on
  bool was_complete = false;         // a shard that was there already, whole and of this input
  std::vector<std::string> notes{};  // one line each, for the log
};

/// Collective. Writes `target`: the whole, or shard `shard` of it. A file of another cohort or settings is replaced with
/// settings.overwrite only (UsageError). Throws DataError when cohort and training part do not fit together, or a cohort
/// holds voxels.
FcSummary compute_fc(const FcSettings& settings, const io::Cohort& cohort, const std::filesystem::path& target,
                     const std::optional<FcShard>& shard, comm::Communicator& comm, MPI_Comm mpi);

/// Collective. Puts shards together, in this order: the same bytes as without shards. Throws DataError naming one that
/// is missing, not whole, or of other input than the first one; UsageError as compute_fc() does without `overwrite`.
FcSummary merge_fc(const std::filesystem::path& target, const std::vector<std::filesystem::path>& shards,
                   bool overwrite, comm::Communicator& comm, MPI_Comm mpi);

/// Not collective. Throws UsageError where `path` holds connectivity of other people, data or settings, or is damaged.
void refuse_other(const std::filesystem::path& path, const FcDescription& expected);

}  // namespace brainmt::connectivity
