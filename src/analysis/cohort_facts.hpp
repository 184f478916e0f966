#pragma once
// Facts about a run's participants for the report: splits, sex, age, site and motion, exclusions by reason, minutes per
// window, baselines without scans, and slices of the mean image.
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "analysis/html.hpp"
#include "analysis/paired.hpp"
#include "task/training_data.hpp"

namespace brainmt::analysis {

struct Person {
  std::string part;              // train, val, test
  std::string sex, site;         // empty: not known
  double age = 0, motion = 0;    // years; mm, mean over the runs; NaN: not known
  std::vector<double> labels{};  // of each target, as trained on; NaN: missing
};

struct CohortFacts {
  std::map<std::string, Person> people;                           // by participant, of the three parts
  std::vector<std::pair<std::string, std::size_t>> left_out;      // why, and how many
  std::string window, repetition, space, values;                  // in words
  std::vector<std::string> targets;                               // in the order of Person::labels
  std::map<std::string, std::array<std::string, 2>> class_names;  // by target
  std::vector<std::string> confounds;                             // columns of the confound-only model
  std::map<std::string, std::vector<double>> confound_rows;       // by participant
  Blocks blocks{};                                                // of the split's group column, where it has one
  Figure picture;
  std::string data_sha256{};  // of the subjects, labels and scans, as training computes it

  /// The class's name, or "class 1" where it has none.
  std::string class_name(const std::string& target, std::size_t which) const;
};

/// Opens nothing: `cohort` is that of the run. Reads two frames of at most 32 scans. Throws DataError when cohort, task
/// and split do not fit together.
CohortFacts read_cohort_facts(const io::Cohort& cohort, const task::TaskSettings& task,
                              const task::SplitSettings& split, std::int64_t frames);

}  // namespace brainmt::analysis
