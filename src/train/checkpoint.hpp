#pragma once
// The checkpoints of a run, for all ranks together. Values and moments are the same on every rank, so rank 0 alone
// writes and reads and the others receive; every call is collective and fails on all ranks or on none.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "comm/communicator.hpp"
#include "nn/parameter.hpp"
#include "train/optimizer.hpp"
#include "train/weights.hpp"

namespace brainmt::train {

class CheckpointStore {
 public:
  struct Found {
    std::int64_t step = 0;
    std::string state;  // content of state.json
  };

  /// `directory` is made when it is missing; leftovers of saves that were cut short are deleted.
  CheckpointStore(comm::Communicator& comm, std::filesystem::path directory, int keep);

  /// Commits step-<step>, then renews `latest` (and `best` with `is_best`), then deletes old ones. Throws OutputError;
  /// NonFiniteError or InternalError when the parameters are not worth keeping (not finite, or not the same on all
  /// ranks).
  void save(std::int64_t step, const std::string& state, const nn::ParameterStore& store, const AdamW& optimizer,
            const Metadata& metadata, bool is_best);

  /// The newest complete checkpoint, agreed by all ranks. Throws UsageError for another format version.
  std::optional<Found> find_newest() const;
  /// Fills values and moments from a found step, renews the compute copies. Throws DataError.
  void load(std::int64_t step, nn::ParameterStore& store, AdamW& optimizer) const;

 private:
  comm::Communicator& comm_;
  std::filesystem::path directory_;
  int keep_;
};

/// Collective: the weights file of the step that choose_step() gives on rank 0. Throws DataError.
std::filesystem::path model_file_of(comm::Communicator& comm, const std::filesystem::path& run_dir,
                                    const std::string& which);

/// Collective: throws InternalError when the parameters differ in any bit between ranks (a replica went its own way).
void check_replicas(comm::Communicator& comm, const nn::ParameterStore& store, std::int64_t step);

}  // namespace brainmt::train
