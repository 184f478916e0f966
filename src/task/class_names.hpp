#pragma once
// Names of the classes of a target, for people: female and male, or the values of its column.
#include <array>
#include <string>

#include "task/labels.hpp"

namespace brainmt::task {

/// Of class 0 and class 1 of a classification. Sex is "female", "male" in any spelling; another column gives its own
/// values. A class that no scan has is "0" or "1". Throws DataError as read_labels() does.
std::array<std::string, 2> class_names(const io::Cohort& cohort, const Target& target);

}  // namespace brainmt::task
