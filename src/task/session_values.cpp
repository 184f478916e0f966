#include "task/session_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "io/printable.hpp"
#include "task/phenotype_values.hpp"

namespace brainmt::task {
namespace {

bool is_missing(double value) { return std::isnan(value); }
bool is_missing(const std::string& value) { return value.empty(); }

template <class T>
T shared_value(const io::Cohort& cohort, const std::vector<T>& by_scan, const Scans& scans, const std::string& column,
               const std::vector<std::string>& as_written, T value) {
  std::size_t first = 0;
  for (const std::size_t scan : scans) {
    if (is_missing(by_scan[scan])) continue;
    if (is_missing(value)) {
      value = by_scan[scan];
      first = scan;
    } else if (value != by_scan[scan]) {
      throw DataError(
          fmt::format("{}: participant {} has {} = {} for one scan and {} for another: expected one value; prepare one "
                      "session only (session=), or leave the participant's cells empty in the table",
                      cohort.path().string(), cohort.scans()[scan].participant_id, column,
                      io::printable(as_written[first]), io::printable(as_written[scan])));
    }
  }
  return value;
}

// The smallest and the largest number; the first is the larger where there is none.
std::pair<double, double> range_of(const std::vector<double>& by_scan, const Scans& scans) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double low = kInfinity, high = -kInfinity;
  for (const std::size_t scan : scans) {
    if (is_missing(by_scan[scan])) continue;
    low = std::min(low, by_scan[scan]);
    high = std::max(high, by_scan[scan]);
  }
  return {low, high};
}

std::map<std::string, Scans> scans_by_participant(const io::Cohort& cohort) {
  std::map<std::string, Scans> scans;
  for (std::size_t scan = 0; scan < cohort.scans().size(); ++scan)
    if (cohort.usable(scan)) scans[cohort.scans()[scan].participant_id].push_back(scan);
  return scans;
}

}  // namespace

double mean_of_scans(const std::vector<double>& by_scan, const Scans& scans) {
  const auto [low, high] = range_of(by_scan, scans);
  if (low > high) return std::nan("");
  if (low == high) return low;  // sum / count may round
  double sum = 0, count = 0;
  for (const std::size_t scan : scans) {
    if (is_missing(by_scan[scan])) continue;
    sum += by_scan[scan];
    ++count;
  }
  return sum / count;
}

double class_of_scans(const io::Cohort& cohort, const std::vector<double>& by_scan, const Scans& scans,
                      const std::string& column, const std::vector<std::string>& as_written) {
  return shared_value(cohort, by_scan, scans, column, as_written, std::nan(""));
}

std::string text_of_scans(const io::Cohort& cohort, const std::vector<std::string>& by_scan, const Scans& scans,
                          const std::string& column) {
  return shared_value(cohort, by_scan, scans, column, by_scan, std::string());
}

void Differences::add(const std::string& participant, const std::vector<double>& by_scan, const Scans& scans) {
  const auto [low, high] = range_of(by_scan, scans);
  if (!(high > low)) return;
  ++participants;
  if (high - low <= widest) return;
  widest = high - low;
  example = participant;
}

std::string Differences::warning(const std::string& column) const {
  if (participants == 0) return {};
  return fmt::format(
      "{} differs between the scans of {} participant{} (by up to {:.6g}, participant {}): each participant's mean is "
      "taken; prepare with session= to keep one session",
      io::printable(column), participants, participants == 1 ? "" : "s", widest, example);
}

std::vector<std::string> session_warnings(const Dataset& data) {
  std::vector<std::string> names = data.columns().confounds, warnings;
  for (const Target& target : data.targets())
    if (target.task == Task::kRegression) names.push_back(target.name);
  const auto scans = scans_by_participant(data.cohort());
  for (const std::string& name : names) {
    const io::PhenotypeColumn* column = find_phenotype(data.cohort(), name);
    const auto numbers = column == nullptr ? std::nullopt : numbers_of(*column);
    if (!numbers) continue;
    Differences differences;
    for (const Subject& subject : data.subjects()) differences.add(subject.id, *numbers, scans.at(subject.id));
    if (differences.participants > 0) warnings.push_back(differences.warning(name));
  }
  return warnings;
}

}  // namespace brainmt::task
