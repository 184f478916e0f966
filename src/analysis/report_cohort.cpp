#include "analysis/report_cohort.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "analysis/baseline.hpp"

namespace brainmt::analysis {
namespace {

using Align = Table::Align;

std::string or_dash(double value) { return std::isfinite(value) ? fmt::format("{:.3g}", value) : "–"; }

double median(std::vector<double> values) {
  if (values.empty()) return NAN;
  std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
  return values[values.size() / 2];
}

std::vector<double> finite(const std::vector<const Person*>& people, double Person::*field) {
  std::vector<double> values;
  for (const Person* person : people)
    if (std::isfinite(person->*field)) values.push_back(person->*field);
  return values;
}

// "female 70, male 71": the values of a column, most frequent first, at most six.
std::string counted(const std::vector<const Person*>& people, std::string Person::*field) {
  constexpr std::size_t kShown = 6;
  std::map<std::string, std::size_t> counts;
  for (const Person* person : people) ++counts[(person->*field).empty() ? "not known" : person->*field];
  if (counts.empty() || (counts.size() == 1 && counts.contains("not known"))) return "–";
  std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, std::greater(), &std::pair<std::string, std::size_t>::second);
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, sorted.size()); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", sorted[i].first, sorted[i].second);
  return sorted.size() > kShown ? fmt::format("{}, {} more", text, sorted.size() - kShown) : text;
}

std::string age_text(const std::vector<const Person*>& people) {
  const std::vector<double> ages = finite(people, &Person::age);
  if (ages.empty()) return "–";
  double mean = 0;
  for (const double age : ages) mean += age / static_cast<double>(ages.size());
  const auto [low, high] = std::ranges::minmax(ages);
  return fmt::format("{:.3g} ({:.3g} to {:.3g})", mean, low, high);
}

std::string motion_text(const std::vector<const Person*>& people) {
  const std::vector<double> motion = finite(people, &Person::motion);
  if (motion.empty()) return "–";
  return fmt::format("{:.3g} (most {:.3g})", median(motion), std::ranges::max(motion));
}

Table people_table(const CohortFacts& facts) {
  Table table{
      .columns =
          {{"part"}, {"participants", Align::kNumber}, {"sex"}, {"age, mean (range)"}, {"site"}, {"motion, median mm"}},
      .rows = {}};
  for (const char* part : {"train", "val", "test", "all"}) {
    std::vector<const Person*> people;
    for (const auto& [id, person] : facts.people)
      if (std::string_view(part) == "all" || person.part == part) people.push_back(&person);
    if (people.empty()) continue;
    table.rows.push_back({part, std::to_string(people.size()), counted(people, &Person::sex), age_text(people),
                          counted(people, &Person::site), motion_text(people)});
  }
  return table;
}

// A model without network takes no windows.
Table data_table(const CohortFacts& facts, bool has_windows) {
  Table table{.columns = {{"what"}, {"value"}}, .rows = {}};
  if (has_windows) table.rows.push_back({"window", facts.window});
  table.rows.push_back({"repetition time", facts.repetition});
  table.rows.push_back({"space", facts.space});
  table.rows.push_back({"values", facts.values});
  if (facts.left_out.empty()) table.rows.push_back({"left out", "none"});
  for (const auto& [why, count] : facts.left_out)
    table.rows.push_back({table.rows.back()[0] == "values" ? "left out" : "", fmt::format("{} {}", count, why)});
  return table;
}

bool is_classification(const TargetResult& result) { return result.is_classification; }

task::Task task_of(const TargetResult& result) {
  return is_classification(result) ? task::Task::kClassification : task::Task::kRegression;
}

std::vector<std::string> row_of(std::string name, const TargetResult& result, std::span<const std::string> metrics,
                                const std::vector<Scored>& predictions) {
  std::vector<std::string> row{std::move(name)};
  for (const std::string& metric : metrics) row.push_back(or_dash(metric_value(metric, task_of(result), predictions)));
  return row;
}

// The labels of the training split, and their rows of confounds.
struct Training {
  std::vector<std::vector<double>> x;
  std::vector<double> y;
};

Training training_of(const CohortFacts& facts, const std::string& target) {
  Training training;
  const auto k = static_cast<std::size_t>(std::ranges::find(facts.targets, target) - facts.targets.begin());
  for (const auto& [id, person] : facts.people) {
    if (person.part != "train" || k >= person.labels.size() || std::isnan(person.labels[k])) continue;
    const auto row = facts.confound_rows.find(id);
    training.x.push_back(row == facts.confound_rows.end() ? std::vector<double>{} : row->second);
    training.y.push_back(person.labels[k]);
  }
  return training;
}

// Participants of one group, by its name.
using Groups = std::vector<std::pair<std::string, std::vector<Scored>>>;

void add_levels(Groups& groups, const CohortFacts& facts, const Repeat& predictions, std::string Person::*field) {
  constexpr std::size_t kMaxLevels = 8;
  std::map<std::string, std::vector<Scored>> levels;
  for (const auto& [id, one] : predictions)
    if (const auto person = facts.people.find(id); person != facts.people.end() && !(person->second.*field).empty())
      levels[person->second.*field].push_back(one);
  if (levels.size() < 2 || levels.size() > kMaxLevels) return;
  groups.insert(groups.end(), levels.begin(), levels.end());
}

void add_halves(Groups& groups, const CohortFacts& facts, const Repeat& predictions, double Person::*field,
                const char* what) {
  std::vector<double> values;
  for (const auto& [id, one] : predictions)
    if (const auto person = facts.people.find(id); person != facts.people.end())
      if (std::isfinite(person->second.*field)) values.push_back(person->second.*field);
  const double middle = median(values);
  if (values.size() < 4) return;
  std::vector<Scored> low, high;
  for (const auto& [id, one] : predictions) {
    const auto person = facts.people.find(id);
    if (person == facts.people.end() || !std::isfinite(person->second.*field)) continue;
    (person->second.*field < middle ? low : high).push_back(one);
  }
  groups.emplace_back(fmt::format("{} below {:.3g}", what, middle), std::move(low));
  groups.emplace_back(fmt::format("{} from {:.3g}", what, middle), std::move(high));
}

// Does the last start of the run name other data than the cohort has now?
bool is_another_cohort(const RunRecord& run) {
  if (!run.provenance.is_array() || run.provenance.empty() || !run.provenance.back().is_object()) return false;
  const auto trained_on = run.provenance.back().find("data_sha256");
  return trained_on != run.provenance.back().end() && trained_on->is_string() && !run.facts->data_sha256.empty() &&
         *trained_on != run.facts->data_sha256;
}

}  // namespace

Repeat scored(const TargetResult& result) {
  Repeat predictions;
  for (const ScoredPrediction& p : result.predictions)
    predictions[p.participant_id] = {p.truth, result.is_classification ? p.logit : p.predicted};
  return predictions;
}

void add_people(HtmlPage& page, std::span<const RunRecord> runs) {
  page.section("Who was scanned");
  const RunRecord& run = runs.front();
  if (!run.facts) {
    page.paragraph(
        fmt::format("The cohort of this run is not available, so participants, exclusions, minutes of signal, "
                    "the mean image and levels without a scan are left out{}.",
                    run.cohort_note.empty() ? "" : ": " + run.cohort_note));
    return;
  }
  if (is_another_cohort(run))
    page.paragraph(
        "The cohort at this path has other subjects, labels or scans now than when the run was trained: what follows "
        "is "
        "of the present one.");
  if (runs.size() > 1) page.paragraph(fmt::format("As run {} saw its cohort.", run.name));
  page.table(people_table(*run.facts));
  page.beside(data_table(*run.facts, !run.is_baseline), run.facts->picture);
}

std::optional<Table> levels_table(const RunRecord& run, const TargetResult& result) {
  if (!run.facts || result.predictions.empty()) return std::nullopt;
  const CohortFacts& facts = *run.facts;
  const Training training = training_of(facts, result.target);
  if (training.y.empty()) return std::nullopt;
  const bool classes = is_classification(result);
  const std::vector<std::string> metrics = classes ? std::vector<std::string>{"auroc", "balanced_accuracy", "accuracy"}
                                                   : std::vector<std::string>{"pearson_r", "r2", "mae"};
  Table table{.columns = {{"predictor"}}, .rows = {}};
  for (const std::string& metric : metrics) table.columns.push_back({metric_label(metric), Align::kNumber});
  const Repeat predictions = scored(result);
  std::vector<Scored> model, constant, confounds;
  double mean = 0;
  for (const double y : training.y) mean += y / static_cast<double>(training.y.size());
  // The baseline on confounds, where it was made, stands for them.
  const bool has_confounds =
      !facts.confounds.empty() && std::ranges::none_of(run.baselines, [&](const RunBaseline& one) {
        return one.name == "confounds" && one.targets.contains(result.target);
      });
  std::optional<LinearModel> linear;
  if (has_confounds) linear.emplace(training.x, training.y, task_of(result));
  for (const auto& [id, one] : predictions) {
    model.push_back(one);
    constant.push_back({one.truth, classes ? (mean >= 0.5 ? 1.0 : -1.0) : mean});
    const auto row = facts.confound_rows.find(id);
    if (linear && row != facts.confound_rows.end()) confounds.push_back({one.truth, linear->predict(row->second)});
  }
  table.rows.push_back(row_of("this model", result, metrics, model));
  table.rows.push_back(row_of(
      classes ? fmt::format("always {}", facts.class_name(result.target, mean >= 0.5 ? 1 : 0)) : "the training mean",
      result, metrics, constant));
  if (linear)
    table.rows.push_back(row_of(fmt::format("{} alone", fmt::join(facts.confounds, ", ")), result, metrics, confounds));
  return table;
}

std::optional<Table> groups_table(const RunRecord& run, const TargetResult& result) {
  if (!run.facts || result.predictions.empty()) return std::nullopt;
  const Repeat predictions = scored(result);
  Groups groups;
  add_levels(groups, *run.facts, predictions, &Person::sex);
  add_levels(groups, *run.facts, predictions, &Person::site);
  add_halves(groups, *run.facts, predictions, &Person::age, "age");
  add_halves(groups, *run.facts, predictions, &Person::motion, "motion, mm,");
  if (groups.empty()) return std::nullopt;
  const std::vector<std::string> metrics = is_classification(result) ? std::vector<std::string>{"accuracy", "auroc"}
                                                                     : std::vector<std::string>{"mae", "pearson_r"};
  Table table{.columns = {{"group"}, {"n", Align::kNumber}}, .rows = {}};
  for (const std::string& metric : metrics) table.columns.push_back({metric_label(metric), Align::kNumber});
  for (const auto& [name, members] : groups) {
    auto row = row_of(name, result, metrics, members);
    row.insert(row.begin() + 1, std::to_string(members.size()));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace brainmt::analysis
