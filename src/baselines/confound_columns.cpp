#include <algorithm>
#include <cmath>
#include <map>
#include <variant>

#include "base/error.hpp"
#include "baselines/study.hpp"
#include "task/participants.hpp"
#include "task/phenotype_values.hpp"

namespace brainmt::baselines {
namespace {

bool is_missing(const task::ConfoundValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return std::isnan(*number);
  return std::get<std::string>(value).empty();
}

// What stands for a missing value: the mean, or the most frequent text (the first of equals).
task::ConfoundValue typical(const std::vector<task::ConfoundRow>& rows, const Rows& fitted, std::size_t column) {
  double sum = 0, count = 0;
  std::map<std::string, std::size_t> texts;
  for (const std::size_t i : fitted) {
    const task::ConfoundValue& value = rows[i][column];
    if (is_missing(value)) continue;
    if (const auto* number = std::get_if<double>(&value))
      sum += *number, ++count;
    else
      ++texts[std::get<std::string>(value)];
  }
  if (std::holds_alternative<double>(rows.front()[column])) return count > 0 ? sum / count : 0.0;
  const auto most = std::ranges::max_element(texts, {}, [](const auto& entry) { return entry.second; });
  return most == texts.end() ? std::string() : most->first;
}

const io::PhenotypeColumn* column_or_null(const io::Cohort& cohort, const char* name) {
  try {
    return task::find_phenotype(cohort, name);
  } catch (const DataError&) {  // several columns fit: none of them is taken
    return nullptr;
  }
}

// Visits of a participant may contradict each other; a column that is not asked for is then left out.
bool can_be_coded(const io::Cohort& cohort, const std::string& name) {
  try {
    std::vector<task::Subject> everybody = task::participants_of(cohort);
    task::add_confound(cohort, name, everybody);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace

std::vector<std::string> usual_confounds(const task::TrainingData& data) {
  const io::Cohort& cohort = data.data.cohort();
  const bool has_motion = std::ranges::any_of(cohort.scans(), [](const auto& s) { return !std::isnan(s.mean_fd); });
  std::vector<std::string> names;
  for (const char* name : {"age", "sex", "site", "mean_fd"}) {
    const io::PhenotypeColumn* column = column_or_null(cohort, name);
    const bool is_target = column != nullptr && std::ranges::any_of(data.data.targets(), [&](const auto& target) {
                             return task::find_phenotype(cohort, target.name) == column;
                           });
    if (is_target || (column == nullptr && !(has_motion && std::string_view(name) == "mean_fd"))) continue;
    if (can_be_coded(cohort, name)) names.emplace_back(name);
  }
  return names;
}

ConfoundColumns confound_columns(const task::TrainingData& data, const std::vector<std::string>& names,
                                 const Rows& fitted) {
  const io::Cohort& cohort = data.data.cohort();
  std::vector<task::Subject> everybody = task::participants_of(cohort);
  for (const std::string& name : names) task::add_confound(cohort, name, everybody);
  std::map<std::string, const task::Subject*> by_id;
  for (const task::Subject& subject : everybody) by_id[subject.id] = &subject;
  std::vector<task::ConfoundRow> rows;
  for (const task::Subject& subject : data.data.subjects()) rows.push_back(by_id.at(subject.id)->confounds);

  for (std::size_t c = 0; c < names.size(); ++c) {
    const task::ConfoundValue stand_in = typical(rows, fitted, c);
    for (task::ConfoundRow& row : rows)
      if (is_missing(row[c])) row[c] = stand_in;
  }
  std::vector<task::ConfoundRow> training;
  for (const std::size_t i : fitted) training.push_back(rows[i]);
  const task::ConfoundCoding coding = task::fit_coding(names, training);
  ConfoundColumns columns{.terms = coding.terms(), .values = {}};
  for (const task::ConfoundRow& row : rows) {
    const std::vector<double> coded = coding.coded(row);
    columns.values.insert(columns.values.end(), coded.begin(), coded.end());
  }
  return columns;
}

}  // namespace brainmt::baselines
