#pragma once
// Loss and metrics of a part of the subjects, from one averaged output per subject.
#include <map>
#include <string>
#include <vector>

#include "kernels/loss.hpp"
#include "train/predict.hpp"
#include "train/training_data.hpp"

namespace brainmt::train {

kernels::Loss loss_kind(Task task);

struct Validation {
  double loss = 0;                        // mean over subjects, of scaled targets
  std::map<std::string, double> metrics;  // of the task, in original units
};

/// Collective; the same result on every rank.
Validation validate_model(models::BrainMT& model, const TrainingData& data, const std::vector<std::size_t>& subjects,
                          const PredictSettings& settings, comm::Communicator& comm);

}  // namespace brainmt::train
