#pragma once
// Training from configuration to finished run directory: resume or start, steps, validation after every epoch, early
// stopping, checkpoints, and the reasons to stop. A run that was stopped at any step and continued gives the same bits
// as one that was not.
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "comm/communicator.hpp"
#include "dnn/backend.hpp"
#include "models/registry.hpp"
#include "nn/optimizer.hpp"
#include "run/checkpoint.hpp"
#include "run/run_directory.hpp"
#include "task/training_data.hpp"
#include "train/gradient_route.hpp"
#include "train/predict.hpp"
#include "train/schedule.hpp"
#include "train/start_weights.hpp"
#include "train/step.hpp"
#include "train/time_limit.hpp"

namespace brainmt::train {

/// What the loop does after some steps.
struct LoopSettings {
  std::int64_t max_steps = 0;               // stop after this many in all; 0: no limit
  int patience = 0;                         // epochs without a lower validation loss; 0: no early stopping
  int max_not_finite = 10;                  // skipped updates in a row that end the run
  std::int64_t checkpoint_every = 0;        // steps; 0: after every epoch
  std::int64_t check_replicas_every = 100;  // steps between comparisons of the ranks' parameters; 0: never
  double loss_spike = 10;                   // times the median of recent losses that is worth a warning; 0: never
  std::int64_t log_every = 10;

  static LoopSettings from_config(const config::Config& config);
};

/// Each part has its own settings.
struct TrainSettings {
  std::filesystem::path run_dir;
  task::TaskSettings task;
  task::SplitSettings split;
  models::ModelPlan model;
  models::SeriesNormalization::Kind normalize = models::SeriesNormalization::Kind::kRobust;  // of parcel series
  DType activation = DType::kF32;
  InitSettings init;
  StepSettings step;
  nn::AdamWSettings optimizer;
  ScheduleSettings schedule;
  RouteSettings route{.graphs = true};  // its timeout is also that of a validation's windows and of a checkpoint
  LoopSettings loop;
  TimeLimitSettings time_limit;
  run::CheckpointStore::Settings checkpoint;
  PredictSettings validation;

  dnn::Algorithms* algorithms = nullptr;  // those that are timed, for the ranks and starts to share; null: none are
  bool allow_mismatch = false;            // continue on a cohort that is not what the run began with
  run::StartRecord start;
  std::string identity;  // YAML of the keys that decide the numbers of the run
  std::function<bool()> stop_requested = [] { return false; };

  /// Settings of `brainmt train` on `ranks` ranks, without stop_requested, and without overrides and libraries of the
  /// start record. Throws UsageError.
  static TrainSettings from_config(const config::Config& config, int ranks);
};

enum class Outcome {
  kFinished,         // all epochs, or stopped early
  kAlreadyFinished,  // there was nothing left to do
  kStepLimit,        // max_steps reached; a larger one continues
  kInterrupted       // asked to stop, or out of time, after a complete checkpoint
};

/// Collective. Throws what base/error.hpp lists, NonFiniteError among them.
Outcome train(const TrainSettings& settings, const io::Cohort& cohort, comm::Communicator& comm);

/// What train() would need and do, without doing it: the data are opened and split, the model is sized.
struct RunEstimate {
  std::size_t subjects = 0;
  std::array<std::size_t, 3> parts{};  // subjects, by Part
  std::string data_sha256;             // of the labels and scans that would be used
  std::size_t parameters = 0;
  std::vector<std::pair<std::string, std::string>> facts{};  // Model::facts()
  std::size_t global_batch = 0;
  std::int64_t steps_per_epoch = 0, steps = 0;
  double parameter_bytes = 0, activation_bytes = 0;  // of a rank
  double operations = 0;                             // floating-point operations of all ranks together, validation too
};
RunEstimate estimate(const TrainSettings& settings, const io::Cohort& cohort, int ranks);

/// The same, as lines of text for people.
std::string describe(const TrainSettings& settings, const io::Cohort& cohort, int ranks);

}  // namespace brainmt::train
