#pragma once
// From configuration keys to the settings of training.
#include "config/config.hpp"
#include "train/trainer.hpp"

namespace brainmt::train {

/// Settings of `brainmt train` on `ranks` ranks, without stop_requested, and without overrides and libraries of the
/// start record. Throws
/// UsageError when run.global_batch cannot be made from run.batch_size and the ranks.
TrainSettings train_settings(const config::Config& config, int ranks);

/// What is predicted, from the keys task and task.*.
task::TaskSettings task_settings(const config::Config& config);

/// How a split is made, from data.split_*, data.folds, data.fold and run.seed. `keys.get<T>(name)` gives the values.
template <class Keys>
task::SplitPlan split_plan(const Keys& keys) {
  const auto fractions = keys.template get<std::vector<double>>("data.split_fractions");
  const auto folds = keys.template get<std::int64_t>("data.folds");
  return {.seed = static_cast<std::uint64_t>(keys.template get<std::int64_t>("run.seed")),
          .fractions = {fractions[0], fractions[1], fractions[2]},
          .group = keys.template get<std::string>("data.split_group"),
          .folds = static_cast<int>(folds),
          .fold = folds > 0 ? static_cast<int>(keys.template get<std::int64_t>("data.fold")) : 0};
}

}  // namespace brainmt::train
