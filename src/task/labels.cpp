#include "task/labels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/error.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"
#include "task/phenotype_values.hpp"

namespace brainmt::task {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// 0, 1, or a spelling of sex.
std::optional<double> class_of(const std::string& text) {
  constexpr std::array<std::string_view, 6> kMale{"1", "1.0", "m", "male", "man", "boy"};
  constexpr std::array<std::string_view, 6> kFemale{"0", "0.0", "f", "female", "woman", "girl"};
  const std::string word = io::lower_case(text);
  if (std::ranges::find(kMale, word) != kMale.end()) return 1.0;
  if (std::ranges::find(kFemale, word) != kFemale.end()) return 0.0;
  return std::nullopt;
}

[[noreturn]] void refuse(const io::Cohort& cohort, const Target& target, std::size_t scan, const std::string& value,
                         const std::string& expected) {
  throw DataError(fmt::format("{}: column {} of participant {} is {}, expected {}", cohort.path().string(),
                              io::printable(target.name), cohort.scans()[scan].participant_id, io::printable(value),
                              expected));
}

std::vector<double> numeric_labels(const io::Cohort& cohort, const Target& target, const io::PhenotypeColumn& column) {
  if (auto numbers = numbers_of(column)) return *std::move(numbers);
  const std::vector<std::string> texts = texts_of(column);
  const auto odd =
      std::ranges::find_if(texts, [](const std::string& text) { return !text.empty() && !io::parse_number(text); });
  refuse(cohort, target, static_cast<std::size_t>(odd - texts.begin()), *odd, "a number");
}

// Class 1 is the value that the user names, the other one of two is class 0.
std::vector<double> labels_by_value(const io::Cohort& cohort, const Target& target,
                                    const std::vector<std::string>& texts) {
  const std::vector<std::string> values = distinct(texts);
  const auto number = io::parse_number(target.positive);
  const auto is_positive = [&](const std::string& text) {
    return text == target.positive || (number && io::parse_number(text) == number);
  };
  if (values.size() != 2 || std::ranges::count_if(values, is_positive) != 1)
    throw DataError(
        fmt::format("{}: column {} with task.positive={}: expected two values, one of them this one, found "
                    "{}: {}",
                    cohort.path().string(), io::printable(target.name), io::printable(target.positive), values.size(),
                    listed(values)));
  std::vector<double> labels;
  for (const std::string& text : texts) labels.push_back(text.empty() ? kMissing : is_positive(text) ? 1.0 : 0.0);
  return labels;
}

std::vector<double> labels_by_spelling(const io::Cohort& cohort, const Target& target,
                                       const std::vector<std::string>& texts) {
  const std::vector<std::string> values = distinct(texts);
  if (values == std::vector<std::string>{"1", "2"})
    throw DataError(fmt::format(
        "{}: column {} is coded 1 and 2, which means male and female in some tables and the "
        "reverse in others: give task.positive=1 or task.positive=2, the value that is to be class 1 (male)",
        cohort.path().string(), io::printable(target.name)));
  std::vector<double> labels;
  for (std::size_t scan = 0; scan < texts.size(); ++scan) {
    const auto label = texts[scan].empty() ? kMissing : class_of(texts[scan]);
    if (!label) {
      check_has_groups(cohort, phenotype(cohort, target.name), "a target of two classes");
      refuse(cohort, target, scan, texts[scan],
             fmt::format("0, 1 or a spelling of sex; for another column of two values give task.positive=, the value "
                         "that is class 1 (this one holds {})",
                         listed(values)));
    }
    labels.push_back(*label);
  }
  return labels;
}

Task infer_task(const io::Cohort& cohort, const TargetRequest& request) {
  const io::PhenotypeColumn& column = phenotype(cohort, request.name);
  if (!request.positive.empty() || !numbers_of(column)) return Task::kClassification;
  const std::vector<std::string> values = distinct(texts_of(column));
  if (std::ranges::all_of(values, [](const std::string& v) { return v == "0" || v == "1"; }))
    return Task::kClassification;
  if (values.size() > 2) return Task::kRegression;
  throw UsageError(
      fmt::format("task.kinds: column {} holds only the numbers {}: classes or measurements? Name its kind in "
                  "task.kinds, for classes with the value of class 1 in task.positive",
                  io::printable(request.name), listed(values)));
}

}  // namespace

std::string name_of(Task task) { return task == Task::kRegression ? "regression" : "classification"; }

std::vector<Target> resolve_targets(const io::Cohort& cohort, const std::vector<TargetRequest>& requests) {
  std::vector<Target> targets;
  for (const TargetRequest& request : requests) {
    const Task task = request.task ? *request.task : infer_task(cohort, request);
    targets.push_back({request.name, task, request.positive, request.weight});
  }
  return targets;
}

std::vector<double> read_labels(const io::Cohort& cohort, const Target& target) {
  const io::PhenotypeColumn& column = phenotype(cohort, target.name);
  if (target.task == Task::kRegression) return numeric_labels(cohort, target, column);
  const std::vector<std::string> texts = texts_of(column);
  return target.positive.empty() ? labels_by_spelling(cohort, target, texts) : labels_by_value(cohort, target, texts);
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

}  // namespace brainmt::task
