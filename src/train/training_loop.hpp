#pragma once
// The training loop behind train(): state and parts of one start of a run.
#include <chrono>
#include <memory>
#include <optional>

#include "base/progress.hpp"
#include "comm/watchdog.hpp"
#include "run/checkpoint.hpp"
#include "run/run_log.hpp"
#include "run/train_state.hpp"
#include "task/training_batches.hpp"
#include "train/early_stopping.hpp"
#include "train/gradient_route.hpp"
#include "train/loss_watch.hpp"
#include "train/schedule.hpp"
#include "train/step.hpp"
#include "train/time_limit.hpp"
#include "train/trainer.hpp"

namespace brainmt::train {

class TrainingLoop {
 public:
  /// Everything given outlives the loop. `state` is a new run's, or with `resumed` that of a checkpoint, which is
  /// loaded.
  TrainingLoop(const TrainSettings& settings, const task::TrainingData& data, models::Model& model,
               const task::Objective& objective, run::CheckpointStore& checkpoints, comm::Communicator& comm,
               comm::Watchdog& watchdog, run::TrainState state, bool resumed);

  Outcome run();

 private:
  using Clock = std::chrono::steady_clock;

  // Sums over some steps.
  struct Interval {
    std::int64_t steps = 0, samples = 0;
    double loss = 0, seconds = 0, data_seconds = 0, reduce_seconds = 0;
    std::vector<double> terms{};
    void add(const StepResult& result, std::int64_t step_samples, double step_seconds);
  };

  void start_from_weights();
  StepResult one_step(task::TrainingBatches& batches);
  task::MicroBatch next_batch(task::TrainingBatches& batches, std::int64_t step, int micro, const Tensor& out) const;
  void weigh_hidden_values(task::MicroBatch& batch, std::int64_t step) const;
  void skip_or_give_up(const StepResult& result);
  void log_interval(const StepResult& last, double lr);
  void warn_of_slow_ranks(const Interval& done);
  void show_progress(const StepResult& last);
  std::int64_t current_epoch() const { return order_.epoch_of(state_.step - 1) + 1; }  // from 1, of the last step
  /// Returns whether the validation loss is the lowest so far.
  bool validate();
  void save(bool is_best);
  void finish_saving();
  bool stop_is_due(Clock::time_point begin) const;
  bool checkpoint_is_due(bool epoch_ended) const;
  Outcome end(Outcome outcome);
  void log_spikes() const;
  void log_summary() const;

  const TrainSettings& settings_;
  const task::TrainingData& data_;
  models::Model& model_;
  const task::Objective& objective_;
  run::CheckpointStore& checkpoints_;
  comm::Communicator& comm_;
  run::TrainState state_;
  const Clock::time_point start_ = Clock::now();
  TimeLimit time_limit_;

  task::BatchPlan plan_;
  task::TrainingOrder order_;
  LearningRateSchedule schedule_;
  nn::AdamW optimizer_;
  GradientRoute route_;
  StepRunner stepper_;
  EarlyStopping stopping_;
  run::Metadata metadata_;          // of every weights file of this run
  std::optional<run::RunLog> log_;  // rank 0
  bool on_terminal_ = false;        // rank 0 with a terminal: a bar for each epoch instead of a line per interval
  std::optional<Progress> progress_;
  comm::Watchdog& watchdog_;

  LossWatch loss_watch_;       // rank 0
  Interval interval_, total_;  // since the last line of the log, since the start
  std::int64_t saved_step_ = -1;
  double longest_step_ = 0, longest_save_ = 0, save_seconds_ = 0;  // of this rank: a save as the loop sees it
};

}  // namespace brainmt::train
