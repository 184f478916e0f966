#pragma once
// Checkpoints of a run. Values and moments are equal on all ranks: rank 0 reads and writes, the others receive. Calls
// are collective unless noted, and fail on all ranks or on none.
//
// A save is asynchronous: it copies the state to the host and returns; a thread of rank 0 writes, hashes, fsyncs and
// renames while training continues. At most one save is in progress: the next one, and finish(), wait for it and report
// its failure.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "comm/communicator.hpp"
#include "config/config.hpp"
#include "nn/optimizer.hpp"
#include "nn/parameter.hpp"
#include "run/background_work.hpp"
#include "run/checkpoint_image.hpp"
#include "run/weights.hpp"

namespace brainmt::run {

class CheckpointStore {
 public:
  struct Found {
    std::int64_t step = 0;
    std::string state;  // content of state.json
  };

  /// What the writing of checkpoints took so far, of those that save() or finish() has waited for; on rank 0.
  struct Written {
    int count = 0;
    double seconds = 0, longest = 0;
  };

  struct Settings {
    int keep = 2;              // newest steps to keep, beside the best
    bool asynchronous = true;  // false: save() returns when the checkpoint is durable

    static Settings from_config(const config::Config& config) {
      return {.keep = config.get<int>("checkpoint.keep"), .asynchronous = config.get<bool>("checkpoint.async")};
    }
  };

  /// `directory` is made when it is missing; leftovers of saves that were cut short are deleted.
  CheckpointStore(comm::Communicator& comm, std::filesystem::path directory, const Settings& settings);

  /// Takes the state as it is now; commits it as step-<step>, then renews `latest` (and `best` with `is_best`), then
  /// deletes old ones. Throws OutputError, of this save or of the one before, which changed nothing; NonFiniteError or
  /// InternalError when the parameters are not worth keeping (not finite, or not the same on all ranks).
  void save(std::int64_t step, const std::string& state, const nn::ParameterStore& store, const nn::AdamW& optimizer,
            const Metadata& metadata, bool is_best);
  /// Returns when the last save is durable. Throws its OutputError.
  void finish();
  /// True if a save failed on this rank and no call has reported it yet. Not collective.
  bool save_failed() const noexcept { return writer_.failed(); }
  /// Not collective.
  const Written& written() const { return written_; }

  /// The newest complete checkpoint, agreed by all ranks. Throws UsageError for another format version.
  std::optional<Found> find_newest() const;
  /// Fills values and moments from a found step, renews the compute copies. Throws DataError.
  void load(std::int64_t step, nn::ParameterStore& store, nn::AdamW& optimizer) const;

 private:
  comm::Communicator& comm_;
  std::filesystem::path directory_;
  Settings settings_;
  std::unique_ptr<CheckpointImage> image_;  // rank 0, from the first save on
  Written written_;
  double last_seconds_ = 0;  // of the save in progress, set by its thread when done; 0 once counted
  BackgroundWork writer_;    // last: it ends before what it uses
};

/// Collective: the weights file that a path means: of a run directory that of its best checkpoint, of
/// RUN/checkpoints/best or latest that of the one it names, of a checkpoint its own; any other path is a file. Throws
/// DataError.
std::filesystem::path weights_file_of(comm::Communicator& comm, std::filesystem::path path);

/// Collective: the weights file of the step that choose_step() gives on rank 0. Throws DataError.
std::filesystem::path model_file_of(comm::Communicator& comm, const std::filesystem::path& run_dir,
                                    const std::string& which);

}  // namespace brainmt::run
