#pragma once
// The subjects of a cohort that can be used for one task: those with a label of at least one target, all confounds, and
// at least one scan that is long enough. Splits and samples are by subject; a subject's scans (runs) stay together.
#include <cstdint>
#include <string>
#include <vector>

#include "io/cohort.hpp"
#include "task/confounds.hpp"
#include "task/labels.hpp"

namespace brainmt::task {

struct Subject {
  std::string id;
  std::vector<std::size_t> scans{};  // of the cohort, long enough, in its order
  std::vector<double> labels{};      // of each target, original units; NaN: missing
  ConfoundRow confounds{};           // of each confound column
  std::string group{};               // family or site; empty: missing, or not asked for

  bool has_label(std::size_t target) const;
};

/// Phenotype columns used besides the targets.
struct DatasetColumns {
  std::vector<std::string> confounds{};  // mean_fd may also be the scans' own, averaged over a subject's runs
  std::string group{};                   // empty: none
};

class Dataset {
 public:
  /// `frames`: what a scan needs at least. Throws DataError naming a subject whose runs disagree about a value, or when
  /// no subject is left. `cohort` outlives the data set.
  Dataset(const io::Cohort& cohort, std::vector<Target> targets, std::int64_t frames, DatasetColumns columns = {});

  const io::Cohort& cohort() const { return cohort_; }
  const std::vector<Target>& targets() const { return targets_; }
  const DatasetColumns& columns() const { return columns_; }
  /// In order of their first scan in the cohort.
  const std::vector<Subject>& subjects() const { return subjects_; }

  // Participants of the cohort, each counted once, by the first reason to leave them out.
  std::size_t without_label() const { return without_label_; }          // of any target
  std::size_t without_confounds() const { return without_confounds_; }  // with a label
  std::size_t too_short() const { return too_short_; }                  // with both, without a long enough scan
  /// Subjects of this data set without a label of this target, or without a group.
  std::size_t missing(std::size_t target) const;
  std::size_t without_group() const;

  /// Permutes the labels among `members` (indices of subjects), all targets of a subject together: a negative control,
  /// whose results must be at chance.
  void shuffle_labels(const std::vector<std::size_t>& members, std::uint64_t seed);
  /// Subtracts each target's adjustment from its labels. Returns how many texts the coding does not know.
  std::size_t adjust_labels(const ConfoundCoding& coding, const std::vector<Adjustment>& adjustments);

 private:
  void gather();

  const io::Cohort& cohort_;
  std::vector<Target> targets_;
  DatasetColumns columns_;
  std::vector<Subject> subjects_;
  std::size_t without_label_ = 0, without_confounds_ = 0, too_short_ = 0;
};

/// "sex" or "sex, cognition".
std::string names_of(const std::vector<Target>& targets);

}  // namespace brainmt::task
