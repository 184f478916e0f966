#pragma once
// Loss and metrics of a part of the subjects, from one averaged output per subject.
#include <vector>

#include "train/objective.hpp"
#include "train/predict.hpp"
#include "train/training_data.hpp"

namespace brainmt::train {

/// Collective; the same result on every rank.
Score validate_model(models::Model& model, const Objective& objective, const TrainingData& data,
                     const std::vector<std::size_t>& subjects, const PredictSettings& settings,
                     comm::Communicator& comm);

}  // namespace brainmt::train
