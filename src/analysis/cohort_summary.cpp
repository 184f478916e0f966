#include "analysis/cohort_summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "io/float16.hpp"
#include "task/metrics.hpp"

namespace brainmt::analysis {
namespace {

constexpr double kMaxAuroc = 0.65, kMaxCorrelation = 0.3;
constexpr std::size_t kMinParticipants = 4;  // participants for a number
constexpr std::size_t kMinForVerdict = 20;   // ... and for a verdict: fewer pass the limits by chance too often

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

// Scans of each participant, in the order of the cohort.
std::map<std::string, std::vector<std::size_t>> scans_by_participant(std::span<const io::CohortScan> scans) {
  std::map<std::string, std::vector<std::size_t>> participants;
  for (std::size_t s = 0; s < scans.size(); ++s) participants[scans[s].participant_id].push_back(s);
  return participants;
}

Json motion_of(std::span<const io::CohortScan> scans) {
  std::vector<double> known;
  for (const io::CohortScan& scan : scans) {
    if (!std::isnan(scan.mean_fd)) known.push_back(scan.mean_fd);
  }
  if (known.empty()) return nullptr;
  std::ranges::sort(known);
  return {{"scans", known.size()},
          {"least", rounded(known.front())},
          {"median", rounded(known[known.size() / 2])},
          {"largest", rounded(known.back())}};
}

// Minutes of signal of each participant; null where no repetition time is known.
Json minutes_of(std::span<const io::CohortScan> scans) {
  std::map<std::string, double> of;
  for (const io::CohortScan& scan : scans)
    if (scan.repetition_time > 0)
      of[scan.participant_id] += static_cast<double>(scan.frames) * scan.repetition_time / 60;
  if (of.empty()) return nullptr;
  std::vector<double> sorted;
  double total = 0;
  for (const auto& [id, minutes] : of) {
    total += minutes;
    sorted.push_back(minutes);
  }
  std::ranges::sort(sorted);
  return {{"total", rounded(total)},
          {"least", rounded(sorted.front())},
          {"median", rounded(sorted[sorted.size() / 2])},
          {"largest", rounded(sorted.back())}};
}

// The column as numbers, if it could be a target: texts of two values become 0 and 1. NaN is missing.
std::vector<double> as_numbers(const io::PhenotypeColumn& column) {
  if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) return *numbers;
  const auto& texts = std::get<std::vector<std::string>>(column.values);
  std::set<std::string> words(texts.begin(), texts.end());
  words.erase("");
  if (words.size() != 2) return {};
  std::vector<double> numbers;
  for (const std::string& text : texts) {
    numbers.push_back(text.empty() ? std::numeric_limits<double>::quiet_NaN() : text == *words.begin() ? 0.0 : 1.0);
  }
  return numbers;
}

Json leak_of(const std::string& column, std::vector<double> values, const std::vector<double>& fills) {
  const std::set<double> different(values.begin(), values.end());
  if (values.size() < kMinParticipants || different.size() < 2) return nullptr;
  const bool two_valued = different.size() == 2;
  double value = 0;
  if (two_valued) {
    for (double& x : values) x = x == *different.begin() ? 0.0 : 1.0;
    const double auroc = task::classification_metrics(values, fills).auroc;
    value = std::max(auroc, 1.0 - auroc);
  } else {
    value = std::abs(task::regression_metrics(values, fills).pearson_r);
  }
  if (std::isnan(value)) return nullptr;
  return {{"column", column},
          {"measure", two_valued ? "auroc" : "r"},
          {"value", rounded(value)},
          {"participants", values.size()},
          {"leaks", values.size() >= kMinForVerdict && value > (two_valued ? kMaxAuroc : kMaxCorrelation)}};
}

}  // namespace

Json summarise_participants(std::span<const io::CohortScan> scans) {
  const auto participants = scans_by_participant(scans);
  std::size_t min_runs = scans.size(), max_runs = 0;
  for (const auto& [id, theirs] : participants) {
    min_runs = std::min(min_runs, theirs.size());
    max_runs = std::max(max_runs, theirs.size());
  }
  return {{"participants", participants.size()},
          {"runs_of_a_participant", {min_runs, max_runs}},
          {"minutes", minutes_of(scans)},
          {"mean_fd", motion_of(scans)}};
}

Json fill_value_leaks(std::span<const io::CohortScan> scans, std::span<const io::PhenotypeColumn> columns) {
  const auto participants = scans_by_participant(scans);
  std::map<std::string, double> fill_of;
  std::set<double> different;
  for (const auto& [id, theirs] : participants) {
    double sum = 0;
    for (const std::size_t s : theirs) sum += io::half_to_float(scans[s].statistics.fill);
    different.insert(fill_of[id] = sum / static_cast<double>(theirs.size()));
  }
  Json leaks = Json::array();
  if (different.size() < 2) return leaks;
  for (const io::PhenotypeColumn& column : columns) {
    const std::vector<double> by_scan = as_numbers(column);
    std::vector<double> values, fills;
    for (const auto& [id, theirs] : participants) {
      const double value = by_scan.empty() ? std::numeric_limits<double>::quiet_NaN() : by_scan[theirs.front()];
      if (std::isnan(value)) continue;
      values.push_back(value);
      fills.push_back(fill_of[id]);
    }
    const Json leak = leak_of(column.name, std::move(values), fills);
    if (!leak.is_null()) leaks.push_back(leak);
  }
  return leaks;
}

}  // namespace brainmt::analysis
