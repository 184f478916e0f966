#pragma once
// What a run would see, as lines for people: who is left out and why, the targets in each part, minutes in a window.
#include <string>

#include "task/training_data.hpp"

namespace brainmt::task {

std::string describe_left_out(const TrainingData& training, std::int64_t frames);
/// Share of each class, or range, mean and standard deviation, by part; of every target.
std::string describe_labels(const TrainingData& training);
/// "40 frames of 0.735 s: 0.49 minutes"
std::string describe_window(const io::Cohort& cohort, std::int64_t frames);

}  // namespace brainmt::task
