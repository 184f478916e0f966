#pragma once
// Repetition times of the scans of one cohort.
#include <span>
#include <string>

namespace brainmt::io {

/// One line where they differ by more than 0.1 % or are known of some scans only: the count of each, and the remedy.
/// Empty where all are alike. NaN: not known.
std::string differing_repetition_times(std::span<const double> seconds);

}  // namespace brainmt::io
