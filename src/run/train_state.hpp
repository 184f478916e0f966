#pragma once
// State of a run besides weights and moments, needed to resume exactly: state.json of a checkpoint. Equal states give
// equal bytes.
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace brainmt::run {

/// State of train::EarlyStopping.
struct EarlyStoppingState {
  double best = std::numeric_limits<double>::infinity();
  int without_improvement = 0;  // evaluations since the best one
};

struct TrainState {
  std::int64_t step = 0;     // global batches consumed: position in the data order and in the schedule
  std::int64_t updates = 0;  // optimiser updates: step without those skipped for not being finite
  int not_finite_in_a_row = 0;
  EarlyStoppingState stopping{};
  bool finished = false;  // all epochs done, or stopped early

  // Identity of the run; a start that differs in these does not continue it.
  std::string identity;           // YAML of the keys that decide its numbers
  std::string data_sha256;        // subjects, labels and lengths of their scans
  std::string voxels_sha256{};    // of what these scans hold; "" in runs from before it was kept
  std::string data{};             // JSON: the cohort's space and processing (data_origin.hpp); "" likewise
  std::int64_t global_batch = 0;  // ranks x batch x accumulation
  int ranks = 1;
};

std::string to_json(const TrainState& state);
/// Throws DataError when `text` is not a state of this version.
TrainState state_from_json(const std::string& text);

/// Throws UsageError naming every difference between a checkpoint's run and the run continuing it. Another number of
/// ranks with the same global batch is allowed, and with `any_split` another run.batch_size and run.accumulate too.
/// `data_note`: what is known about why the data may differ, or "".
void check_same_run(const TrainState& saved, const TrainState& now, const std::string& run_dir,
                    const std::string& data_note = "", bool any_split = false);

/// What differs between the voxels that a checkpoint's run was trained on and those of the one that wants to continue
/// it; none in runs from before they were kept.
std::vector<std::string> differing_voxels(const TrainState& saved, const TrainState& now);

}  // namespace brainmt::run
