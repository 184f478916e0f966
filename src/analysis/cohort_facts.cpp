#include "analysis/cohort_facts.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/baseline.hpp"
#include "analysis/blocks.hpp"
#include "analysis/brain_slices.hpp"
#include "base/error.hpp"
#include "io/table.hpp"
#include "task/class_names.hpp"
#include "task/describe_data.hpp"
#include "task/phenotype_values.hpp"
#include "task/session_values.hpp"

namespace brainmt::analysis {
namespace {

const io::PhenotypeColumn* column_or_null(const io::Cohort& cohort, const char* name) {
  try {
    return task::find_phenotype(cohort, name);
  } catch (const DataError&) {  // several columns fit: none of them is shown
    return nullptr;
  }
}

// Sex in words, and the values of other columns as they are.
std::vector<std::string> sex_of(const io::Cohort& cohort) {
  const io::PhenotypeColumn* column = column_or_null(cohort, "sex");
  if (column == nullptr) return {};
  std::vector<std::string> texts = task::texts_of(*column);
  try {
    const task::Target target{.name = column->name, .task = task::Task::kClassification};
    const std::vector<double> labels = task::read_labels(cohort, target);
    const auto names = task::class_names(cohort, target);
    for (std::size_t s = 0; s < texts.size(); ++s)
      if (!std::isnan(labels[s])) texts[s] = names[labels[s] == 1.0 ? 1 : 0];
  } catch (const DataError&) {  // coded in another way: shown as it is
  }
  return texts;
}

double motion_of(const io::Cohort& cohort, const task::Subject& subject) {
  double sum = 0, count = 0;
  for (const std::size_t scan : subject.scans)
    if (const double fd = cohort.scans()[scan].mean_fd; !std::isnan(fd)) sum += fd, ++count;
  if (count > 0) return sum / count;
  const io::PhenotypeColumn* column = column_or_null(cohort, "mean_fd");
  const auto numbers = column == nullptr ? std::nullopt : task::numbers_of(*column);
  return numbers ? task::mean_of_scans(*numbers, subject.scans) : std::nan("");
}

// "" where the column is missing; "site 1, site 2" for a participant that was scanned at both.
std::string values_of(const std::vector<std::string>& by_scan, const task::Subject& subject) {
  if (by_scan.empty()) return {};
  std::vector<std::string> texts;
  for (const std::size_t scan : subject.scans) texts.push_back(by_scan[scan]);
  return fmt::format("{}", fmt::join(task::distinct(texts), ", "));
}

void add_people(CohortFacts& facts, const task::TrainingData& training) {
  const io::Cohort& cohort = training.data.cohort();
  const std::vector<std::string> sex = sex_of(cohort);
  const io::PhenotypeColumn* age_column = column_or_null(cohort, "age");
  const auto age = age_column == nullptr ? std::nullopt : task::numbers_of(*age_column);
  const io::PhenotypeColumn* site_column = column_or_null(cohort, "site");
  const auto site = site_column == nullptr ? std::vector<std::string>{} : task::texts_of(*site_column);
  for (const task::Part part : task::kParts)
    for (const std::size_t i : training.part(part)) {
      const task::Subject& subject = training.data.subjects()[i];
      facts.people[subject.id] = {.part = std::string(task::name_of(part)),
                                  .sex = values_of(sex, subject),
                                  .site = values_of(site, subject),
                                  .age = age ? task::mean_of_scans(*age, subject.scans) : std::nan(""),
                                  .motion = motion_of(cohort, subject),
                                  .labels = subject.labels};
    }
}

// Scans that never came into the cohort are in the report that prepare left beside it.
void add_unprepared(CohortFacts& facts, const io::Cohort& cohort) {
  const auto report = std::filesystem::path(cohort.path()).replace_extension(".report.tsv");
  if (!std::filesystem::exists(report)) return;
  try {
    const io::Table table = io::Table::read(report);
    const std::size_t status = table.column("status");
    std::size_t bad = 0, unlisted = 0, overlooked = 0;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      bad += table.text(row, status) == "bad" ? 1 : 0;
      unlisted += table.text(row, status) == "unlisted" ? 1 : 0;
      overlooked += table.text(row, status) == "overlooked" ? 1 : 0;
    }
    facts.left_out.emplace_back("scans that could not be prepared", bad);
    facts.left_out.emplace_back("scans without a row in the table", unlisted);
    facts.left_out.emplace_back("files and folders that may hold scans and were not read", overlooked);
  } catch (const DataError&) {  // not the report of a preparation
  }
}

void add_left_out(CohortFacts& facts, const task::TrainingData& training, std::int64_t frames) {
  const task::Dataset& data = training.data;
  add_unprepared(facts, data.cohort());
  facts.left_out.emplace_back("scans in quarantine", data.cohort().quarantined());
  facts.left_out.emplace_back("participants without " + task::names_of(data.targets()), data.without_label());
  facts.left_out.emplace_back("participants without a confound", data.without_confounds());
  facts.left_out.emplace_back(fmt::format("participants without {} frames", frames), data.too_short());
  facts.left_out.emplace_back("participants that the split does not name",
                              data.subjects().size() - facts.people.size());
  std::erase_if(facts.left_out, [](const auto& reason) { return reason.second == 0; });
}

// Age, sex, site and motion, as far as the cohort has them and they are not what is predicted.
void add_confounds(CohortFacts& facts, const task::TrainingData& training) {
  const io::Cohort& cohort = training.data.cohort();
  const bool has_motion = std::ranges::any_of(cohort.scans(), [](const auto& s) { return !std::isnan(s.mean_fd); });
  std::vector<std::string> columns;
  for (const char* name : {"age", "sex", "site", "mean_fd"}) {
    const io::PhenotypeColumn* column = column_or_null(cohort, name);
    const bool is_target = column != nullptr && std::ranges::any_of(training.data.targets(), [&](const auto& target) {
                             return task::find_phenotype(cohort, target.name) == column;
                           });
    if (is_target || (column == nullptr && !(has_motion && std::string_view(name) == "mean_fd"))) continue;
    facts.confounds.emplace_back(name);
    columns.push_back(column == nullptr ? name : column->name);
  }
  if (columns.empty()) return;
  const ConfoundTable table(cohort, columns);
  for (const auto& [id, person] : facts.people) facts.confound_rows[id] = table.row(id);
}

std::string repetition_text(const io::Cohort& cohort) {
  std::set<double> times;
  for (const io::CohortScan& scan : cohort.scans()) times.insert(scan.repetition_time);
  if (times.size() == 1) return *times.begin() > 0 ? fmt::format("{:.6g} s", *times.begin()) : "unknown";
  return fmt::format("{:.6g} to {:.6g} s, {} values", *times.begin(), *times.rbegin(), times.size());
}

std::string space_text(const io::CohortDescription& layout) {
  if (layout.parcels) return fmt::format("{} parcels of {}", layout.parcels->size(), layout.parcels->atlas);
  std::array<double, 3> edge{};
  for (std::size_t axis = 0; axis < 3; ++axis)
    edge[axis] = std::hypot(layout.affine[axis], layout.affine[4 + axis], layout.affine[8 + axis]);
  return fmt::format("{} x {} x {} voxels of {:.3g} x {:.3g} x {:.3g} mm", layout.grid.x, layout.grid.y, layout.grid.z,
                     edge[0], edge[1], edge[2]);
}

// {"fill":"lowest","tr":0.8} -> "fill lowest, tr 0.8"
std::string values_text(const io::CohortDescription& layout) {
  std::string text = layout.normalization == "none" ? "as they are" : layout.normalization + " per scan";
  if (layout.processing == "{}") return text;
  for (const char c : layout.processing) {
    if (c == '{') text += ", ";
    if (c == ':') text += ' ';
    if (c == ',') text += ", ";
    if (std::string_view("{}:,\"").find(c) == std::string_view::npos) text += c == '_' ? ' ' : c;
  }
  return text;
}

}  // namespace

std::string CohortFacts::class_name(const std::string& target, std::size_t which) const {
  const auto found = class_names.find(target);
  const std::string name = found == class_names.end() ? "" : found->second[which];
  return name.empty() || name == "0" || name == "1" ? fmt::format("class {}", which) : name;
}

CohortFacts read_cohort_facts(const io::Cohort& cohort, const task::TaskSettings& task,
                              const task::SplitSettings& split, std::int64_t frames) {
  const task::TrainingData training = task::prepare_training_data(cohort, task, split, frames);
  CohortFacts facts;
  facts.data_sha256 = training.sha256;
  facts.window = task::describe_window(cohort, frames);
  facts.repetition = repetition_text(cohort);
  facts.space = space_text(cohort.layout());
  facts.values = values_text(cohort.layout());
  add_people(facts, training);
  add_left_out(facts, training, frames);
  for (const task::Target& target : training.data.targets()) {
    facts.targets.push_back(target.name);
    if (target.task == task::Task::kClassification) facts.class_names[target.name] = task::class_names(cohort, target);
  }
  add_confounds(facts, training);
  if (const std::string& group = training.split.plan.group; !group.empty()) facts.blocks = blocks_of(cohort, group);
  if (cohort.parcels() == nullptr) facts.picture = slices_figure(mean_image(cohort));
  return facts;
}

}  // namespace brainmt::analysis
