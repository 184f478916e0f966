#pragma once
// Loss and metrics of a part of the subjects, from one averaged output per subject.
#include <vector>

#include "task/objective.hpp"
#include "task/training_data.hpp"
#include "train/predict.hpp"

namespace brainmt::train {

/// How well hidden parts of every window of these subjects are predicted. Masks depend on a window's number among all
/// of them, and nothing else, so that validations are comparable. Collective; the same result on every rank.
task::Score validate_reconstruction(models::Model& model, const task::Dataset& data,
                                    const std::vector<std::size_t>& subjects, const PredictSettings& settings,
                                    comm::Communicator& comm);

/// Collective; the same result on every rank.
task::Score validate_model(models::Model& model, const task::Objective& objective, const task::TrainingData& data,
                           const std::vector<std::size_t>& subjects, const PredictSettings& settings,
                           comm::Communicator& comm);

}  // namespace brainmt::train
