#pragma once
// Summary of a run's data for the log: participants left out by reason, targets in each split, minutes per window.
#include <string>

#include "task/training_data.hpp"

namespace brainmt::task {

std::string describe_left_out(const TrainingData& training, std::int64_t frames);
/// Share of each class, or range, mean and standard deviation, by part; of every target.
std::string describe_labels(const TrainingData& training);
/// "40 frames of 0.735 s: 0.49 minutes"
std::string describe_window(const io::Cohort& cohort, std::int64_t frames);

}  // namespace brainmt::task
