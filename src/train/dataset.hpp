#pragma once
// The subjects of a cohort that can be used for one task: those with a label and with at least one scan that is long
// enough. Splits and samples are by subject; a subject's scans (runs) stay together.
#include <cstdint>
#include <string>
#include <vector>

#include "io/cohort.hpp"
#include "train/labels.hpp"

namespace brainmt::train {

struct Subject {
  std::string id;
  std::vector<std::size_t> scans;  // of the cohort, long enough, in its order
  double label = 0.0;              // original units
};

class Dataset {
 public:
  /// `frames`: what a scan needs at least. Throws DataError naming a subject whose runs disagree about the label, or
  /// when no subject is left. `cohort` outlives the data set.
  Dataset(const io::Cohort& cohort, Task task, const std::string& target, std::int64_t frames);

  const io::Cohort& cohort() const { return cohort_; }
  Task task() const { return task_; }
  const std::string& target() const { return target_; }
  /// In order of their first scan in the cohort.
  const std::vector<Subject>& subjects() const { return subjects_; }
  std::size_t without_label() const { return without_label_; }  // subjects left out
  std::size_t too_short() const { return too_short_; }          // subjects with a label but without a long enough scan

  /// Permutes the labels among `members` (indices of subjects): the control that must end at chance.
  void shuffle_labels(const std::vector<std::size_t>& members, std::uint64_t seed);

 private:
  const io::Cohort& cohort_;
  Task task_;
  std::string target_;
  std::vector<Subject> subjects_;
  std::size_t without_label_ = 0, too_short_ = 0;
};

}  // namespace brainmt::train
