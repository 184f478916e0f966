#pragma once
// One value a participant from a column by scan, where visits (sessions) of a participant may differ.
//
// A participant's scans stay together in a split and give one prediction, so there is one true value, over all its
// scans that have one, also those that are too short for a model:
//   numbers            their mean; the same number everywhere is taken as it is
//   classes and texts  must agree
#include <cstddef>
#include <string>
#include <vector>

#include "io/cohort.hpp"
#include "task/dataset.hpp"

namespace brainmt::task {

using Scans = std::vector<std::size_t>;  // of one participant, in the cohort

/// NaN: none of the scans has a number.
double mean_of_scans(const std::vector<double>& by_scan, const Scans& scans);

/// The class (NaN: missing) or text (empty: missing) that all scans share. Throws DataError naming the participant and
/// two values, `as_written` in the table by scan, and what to do.
double class_of_scans(const io::Cohort& cohort, const std::vector<double>& by_scan, const Scans& scans,
                      const std::string& column, const std::vector<std::string>& as_written);
std::string text_of_scans(const io::Cohort& cohort, const std::vector<std::string>& by_scan, const Scans& scans,
                          const std::string& column);

/// Participants whose scans have different numbers.
struct Differences {
  std::size_t participants = 0;
  double widest = 0;      // largest minus smallest number of one participant
  std::string example{};  // who has the widest

  void add(const std::string& participant, const std::vector<double>& by_scan, const Scans& scans);
  /// One line about a column; empty where no participant differs.
  std::string warning(const std::string& column) const;
};

/// A line for each regression target and confound of which participants of the data set have different numbers; motion
/// of the scans themselves is not among them.
std::vector<std::string> session_warnings(const Dataset& data);

}  // namespace brainmt::task
