#pragma once
// The participants of a cohort before any is left out: what data sets (task/dataset.hpp) and baselines begin with.
#include <string>
#include <vector>

#include "task/dataset.hpp"

namespace brainmt::task {

/// All participants with all their usable scans, in the order of their first.
std::vector<Subject> participants_of(const io::Cohort& cohort);

/// Appends the column's value to the confounds of each: the mean over its scans, or the text that they share; missing
/// values as NaN and "". `mean_fd` is taken from the scans where the table has none. Throws DataError naming the column.
void add_confound(const io::Cohort& cohort, const std::string& name, std::vector<Subject>& subjects);

}  // namespace brainmt::task
