#include "train/labels.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <variant>

#include "base/error.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"

namespace brainmt::train {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::optional<double> class_of(const std::string& text) {
  const std::string word = lower(text);
  if (word.empty() || word == "na" || word == "n/a" || word == "nan") return kMissing;
  if (word == "1" || word == "m" || word == "male") return 1.0;
  if (word == "0" || word == "f" || word == "female") return 0.0;
  return std::nullopt;
}

// A column is text when one field of the whole table is not a number; the others still are. Missing fields are empty.
std::optional<double> number_of(const std::string& text) { return text.empty() ? kMissing : io::parse_number(text); }

const io::PhenotypeColumn& find_column(const io::Cohort& cohort, const std::string& name) {
  if (const io::PhenotypeColumn* column = cohort.phenotype(name)) return *column;
  std::vector<std::string> names;
  for (const auto& column : cohort.layout().phenotypes) names.push_back(column.name);
  throw DataError(fmt::format("{}: no phenotype column {}; the cohort has: {}", cohort.path().string(),
                              io::printable(name), names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
}

[[noreturn]] void refuse(const io::Cohort& cohort, const std::string& column, std::size_t scan,
                         const std::string& value, const char* expected) {
  throw DataError(fmt::format("{}: column {} of participant {} is {}, expected {}", cohort.path().string(),
                              io::printable(column), cohort.scans()[scan].participant_id, io::printable(value),
                              expected));
}

}  // namespace

Task task_of(const std::string& name) {
  if (name == "regression") return Task::kRegression;
  if (name == "classification") return Task::kClassification;
  throw UsageError(fmt::format("task={}: expected regression or classification", name));
}

std::string name_of(Task task) { return task == Task::kRegression ? "regression" : "classification"; }

std::string describe_task(const TaskDescription& d) {
  return nlohmann::json{
      {"task", name_of(d.task)}, {"target", d.target}, {"mean", d.scaling.mean}, {"std", d.scaling.std}}
      .dump();
}

std::optional<TaskDescription> described_task(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    return TaskDescription{task_of(json.at("task").get<std::string>()), json.at("target").get<std::string>(),
                           TargetScaling{json.at("mean").get<double>(), json.at("std").get<double>()}};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

TargetScaling fit_scaling(const std::vector<double>& values, const std::string& column) {
  double sum = 0, squares = 0;
  for (const double y : values) sum += y;
  const double mean = values.empty() ? 0.0 : sum / static_cast<double>(values.size());
  for (const double y : values) squares += (y - mean) * (y - mean);
  const double std = values.size() < 2 ? 0.0 : std::sqrt(squares / static_cast<double>(values.size() - 1));
  if (!(std > 0.0) || !std::isfinite(std))
    throw DataError(
        fmt::format("column {}: the {} subjects of the training split do not differ in it, so there is "
                    "nothing to learn; check the column and the split",
                    io::printable(column), values.size()));
  return {mean, std};
}

std::vector<double> read_labels(const io::Cohort& cohort, const std::string& name, Task task) {
  const io::PhenotypeColumn& column = find_column(cohort, name);
  if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) {
    if (task == Task::kClassification)
      for (std::size_t scan = 0; scan < numbers->size(); ++scan)
        if (const double y = (*numbers)[scan]; !std::isnan(y) && y != 0.0 && y != 1.0)
          refuse(cohort, name, scan, fmt::format("{}", y), "0 or 1");
    return *numbers;
  }
  const auto& words = std::get<std::vector<std::string>>(column.values);
  std::vector<double> labels;
  for (std::size_t scan = 0; scan < words.size(); ++scan) {
    const bool regression = task == Task::kRegression;
    const auto label = regression ? number_of(words[scan]) : class_of(words[scan]);
    if (!label) refuse(cohort, name, scan, words[scan], regression ? "a number" : "0, 1, female, male, F or M");
    labels.push_back(*label);
  }
  return labels;
}

}  // namespace brainmt::train
