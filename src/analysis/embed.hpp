#pragma once
// Embeddings of participants: every window of every run goes through the frozen model once; the CLS row or the mean of
// all other rows after the last block is averaged over the windows of a run, then over the runs of a participant.
//
// Ranks take whole participants, so that every sum has one order: the rows do not depend on the number of ranks, nor on
// how many jobs share the cohort.
#include <mpi.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "analysis/embedding_file.hpp"
#include "comm/communicator.hpp"
#include "config/config.hpp"
#include "io/cohort.hpp"
#include "models/registry.hpp"
#include "task/split.hpp"

namespace brainmt::analysis {

enum class Pooling { kCls, kMean, kBoth };

/// Part `index` of `count` jobs that share a cohort, from 1.
struct Shard {
  std::size_t index = 1, count = 1;
};
/// "K/N", 1 <= K <= N. Throws UsageError.
Shard parse_shard(const std::string& text);
/// Where part `shard` of the file `out` lies: `<out>.shard-K-of-N`.
std::filesystem::path shard_path(const std::filesystem::path& out, const Shard& shard);

struct EmbedSettings {
  std::filesystem::path weights;           // safetensors with the published names
  std::optional<models::ModelPlan> model;  // for a file that does not describe its model
  DType activation = DType::kF32;
  bool allow_mismatch = false;       // a cohort of another space or normalisation than the model was trained on
  std::filesystem::path split_file;  // empty: all participants are of the part "none"
  std::optional<task::Part> part;    // none: all participants
  Pooling pooling = Pooling::kCls;
  bool frame_tokens = false;
  std::int64_t stride = 0;  // frames between the starts of two windows; 0: the window's length
  std::int64_t prefetch = 2;
  bool overwrite = false;  // replace a file of other weights, cohort or settings
  std::string program;     // name, version and revision
  std::string libraries;   // those that decide the numbers, with versions

  /// From what the command was given, and `keys`: that with a run's values for the rest (run::keys_with_run). Without
  /// a run's weights and split, overwrite, program and libraries.
  static EmbedSettings from_config(const config::Config& given, const config::Config& keys);
};

struct EmbedSummary {
  std::size_t participants = 0, windows = 0, too_short = 0;  // too_short: participants without a long enough run
  bool was_complete = false;                                 // a shard that was there already, whole and of this input
};

/// Collective. Writes `out`, or a shard of it. A file of other weights, cohort or settings is replaced with
/// settings.overwrite only (UsageError). A shard that is there, whole and made of the same input is kept; one
/// that is not whole is made again. Throws DataError when weights, cohort and split do not fit together.
EmbedSummary embed(const EmbedSettings& settings, const io::Cohort& cohort, const std::filesystem::path& out,
                   const std::optional<Shard>& shard, comm::Communicator& comm, MPI_Comm mpi);

/// Collective. Puts the `count` shards of `out` together: the same bytes as without shards. Throws DataError naming a
/// shard that is missing, not whole, or of other input than the first one.
EmbedSummary merge_shards(const std::filesystem::path& out, std::size_t count, comm::Communicator& comm, MPI_Comm mpi);

// Pieces, for tests and for the command that works on finished files.

/// [begin, end) of participants for block `block` of `blocks`: in order, each participant once, about equal numbers of
/// windows.
struct ParticipantBlock {
  std::size_t begin = 0, end = 0;
};
ParticipantBlock share_of(const std::vector<EmbeddedParticipant>& participants, std::size_t block, std::size_t blocks);

/// Sets what follows from the participants: windows used, runs, repetition time, motion.
void describe_participants(EmbeddingDescription& description);

}  // namespace brainmt::analysis
