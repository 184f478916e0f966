#pragma once
// Loss and metrics of a part of the subjects, from one averaged output per subject.
#include <map>
#include <string>
#include <vector>

#include "kernels/loss_kind.hpp"
#include "train/predict.hpp"
#include "train/task_description.hpp"
#include "train/training_data.hpp"

namespace brainmt::train {

/// The losses of the targets of a task.
std::vector<kernels::Loss> loss_kinds(const TaskDescription& task);

struct Validation {
  double loss = 0;  // sum over targets of weight x mean over the subjects with a label, of scaled targets
  /// In original units; with several targets as "<target>.<metric>", and "<target>.loss" without its weight.
  std::map<std::string, double> metrics;
};

/// The names that `metrics` may have, in an order for tables.
std::vector<std::string> metric_names(const TaskDescription& task);

/// Collective; the same result on every rank.
Validation validate_model(models::BrainMT& model, const TrainingData& data, const std::vector<std::size_t>& subjects,
                          const PredictSettings& settings, comm::Communicator& comm);

}  // namespace brainmt::train
