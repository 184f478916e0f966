#include "task/training_data.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/checksum.hpp"
#include "io/printable.hpp"
#include "io/repetition_times.hpp"
#include "task/phenotype_values.hpp"
#include "task/session_values.hpp"

namespace brainmt::task {
namespace {

std::vector<std::string> ids_of(const Dataset& data) {
  std::vector<std::string> ids;
  for (const Subject& subject : data.subjects()) ids.push_back(subject.id);
  return ids;
}

std::vector<std::string> all_participants(const io::Cohort& cohort) {
  std::vector<std::string> ids;
  for (const io::CohortScan& scan : cohort.scans()) ids.push_back(scan.participant_id);
  return ids;
}

// The first target makes the strata.
std::vector<Participant> participants_of(const Dataset& data) {
  std::vector<Participant> rows;
  for (const Subject& subject : data.subjects())
    rows.push_back({subject.id, subject.labels.empty() ? 0.0 : subject.labels.front(), subject.group});
  return rows;
}

std::string fingerprint(const Dataset& data) {
  std::string text;
  for (const Subject& subject : data.subjects()) {
    text += subject.id;
    for (const double label : subject.labels) text += fmt::format(" {}", label);
    for (const ConfoundValue& value : subject.confounds)
      text += std::visit([](const auto& v) { return fmt::format(" {}", v); }, value);
    for (const std::size_t scan : subject.scans) text += fmt::format(" {}", data.cohort().scans()[scan].frames);
    text += '\n';
  }
  return io::sha256(std::as_bytes(std::span(text)));
}

// Relatives' brains are similar: a model may recognise the twin of a training participant.
void warn_of_relatives(TrainingData& training) {
  const io::Cohort& cohort = training.data.cohort();
  if (cohort.layout().layout != "hcp" || !training.split.plan.group.empty()) return;
  training.warnings.push_back(fmt::format(
      "{}: an HCP cohort split without data.split_group: twins and siblings may be on both sides, which makes "
      "test results too good; give the family column of the restricted table: data.split_group=Family_ID",
      cohort.path().string()));
}

void warn_of_times(TrainingData& training) {
  std::vector<double> times;
  for (const io::CohortScan& scan : training.data.cohort().scans()) times.push_back(scan.repetition_time);
  std::string differ = io::differing_repetition_times(times);
  if (!differ.empty()) training.warnings.push_back(std::move(differ));
}

void warn_of_codes(TrainingData& training) {
  std::vector<std::string> names = training.data.columns().confounds;
  for (const Target& target : training.data.targets()) names.push_back(target.name);
  for (const std::string& name : names) {
    const io::PhenotypeColumn* column = find_phenotype(training.data.cohort(), name);
    std::string codes = column == nullptr ? "" : left_ukb_codes(*column);
    if (!codes.empty()) training.warnings.push_back(std::move(codes));
  }
}

// Removes the confounds, with coefficients fitted on the training split, from the labels of all parts.
void remove_confounds(TrainingData& training) {
  const std::vector<Subject>& subjects = training.data.subjects();
  const std::vector<std::size_t>& train = training.part(Part::kTrain);
  std::vector<ConfoundRow> rows;
  for (const std::size_t i : train) rows.push_back(subjects[i].confounds);
  training.task.confounds = fit_coding(training.data.columns().confounds, rows);

  std::vector<Adjustment> adjustments;
  for (std::size_t k = 0; k < training.outputs(); ++k) {
    std::vector<std::vector<double>> coded;
    std::vector<double> labels;
    for (const std::size_t i : train) {
      if (!subjects[i].has_label(k)) continue;
      coded.push_back(training.task.confounds.coded(subjects[i].confounds));
      labels.push_back(subjects[i].labels[k]);
    }
    TargetDescription& target = training.task.targets[k];
    target.adjustment = fit_adjustment(training.task.confounds, coded, labels, target.target.name, training.warnings);
    adjustments.push_back(target.adjustment);
  }
  if (const std::size_t unseen = training.data.adjust_labels(training.task.confounds, adjustments); unseen > 0)
    training.warnings.push_back(unseen_levels(unseen));
}

// Two values are hardly an amount; confounds may have been taken out of them.
void warn_of_classes(TrainingData& training, const std::vector<double>& labels, const std::string& name) {
  const auto [least, largest] = std::ranges::minmax(labels);
  if (!std::ranges::all_of(labels, [&](double label) { return label == least || label == largest; })) return;
  training.warnings.push_back(
      fmt::format("target {}: a regression of two values ({} and {}): task=classification predicts which of them",
                  io::printable(name), least, largest));
}

void fit_scalings(TrainingData& training) {
  for (std::size_t k = 0; k < training.outputs(); ++k) {
    TargetDescription& description = training.task.targets[k];
    std::vector<double> labels;
    for (const std::size_t i : training.part(Part::kTrain))
      if (const Subject& subject = training.data.subjects()[i]; subject.has_label(k))
        labels.push_back(subject.labels[k]);
    if (labels.empty())
      throw DataError(fmt::format("{}: no training participant of the split has {}",
                                  training.data.cohort().path().string(), io::printable(description.target.name)));
    if (description.target.task == Task::kRegression) {
      description.scaling = fit_scaling(labels, description.target.name);
      warn_of_classes(training, labels, description.target.name);
    } else if (std::ranges::min(labels) == std::ranges::max(labels)) {
      throw DataError(fmt::format("{}: {} is {} for all {} training participants that have it, expected two classes",
                                  training.data.cohort().path().string(), io::printable(description.target.name),
                                  labels.front(), labels.size()));
    }
  }
}

// The entry of target `k` in a list that may be empty.
template <class T>
T entry_or(const std::vector<T>& list, std::size_t k, T fallback) {
  return list.empty() ? fallback : list.at(k);
}

std::optional<Task> task_named(const std::string& kind) {
  if (kind == "regression") return Task::kRegression;
  if (kind == "classification") return Task::kClassification;
  return std::nullopt;  // auto
}

}  // namespace

SplitSettings SplitSettings::from_config(const config::Config& config) {
  return {.file = config.get<std::string>("data.split_file"),
          .run_dir = config.get<std::string>("run.dir"),
          .plan = SplitPlan::from_config(config)};
}

TaskSettings TaskSettings::from_config(const config::Config& config) {
  using Texts = std::vector<std::string>;
  const auto task = config.get<std::string>("task");
  TaskSettings s{.is_multitask = task == "multitask",
                 .targets = {},
                 .confounds = config.get<Texts>("task.confounds"),
                 .learns_weights = config.is_word("task.weights"),
                 .shuffle = config.get<bool>("task.shuffle_labels"),
                 .seed = static_cast<std::uint64_t>(config.get<std::int64_t>("run.seed"))};
  if (task == "reconstruction") return s;
  const Texts names =
      s.is_multitask ? config.get<Texts>("task.targets") : Texts{config.get<std::string>("task.target")};
  const auto weights = config.get<std::vector<double>>("task.weights");
  const auto kinds = s.is_multitask ? config.get<Texts>("task.kinds") : Texts{task};
  for (std::size_t k = 0; k < names.size(); ++k)
    s.targets.push_back({.name = names[k],
                         .task = task_named(entry_or<std::string>(kinds, k, "auto")),
                         .positive = entry_or<std::string>(config.get<Texts>("task.positive"), k, ""),
                         .weight = s.learns_weights ? 1.0 : entry_or(weights, k, 1.0)});
  return s;
}

std::vector<std::size_t> TrainingData::scans_of(Part p) const {
  std::vector<std::size_t> scans;
  for (const std::size_t subject : part(p))
    scans.insert(scans.end(), data.subjects()[subject].scans.begin(), data.subjects()[subject].scans.end());
  return scans;
}

Split choose_split(const Dataset& data, const SplitSettings& settings) {
  const std::vector<Participant> rows = participants_of(data);
  const auto checked = [&](Split split, const std::filesystem::path& path) {
    check_known(split, all_participants(data.cohort()), data.cohort().path().string());
    check_groups(split, rows, data.columns().group, path.string());
    return split;
  };
  if (!settings.file.empty()) return checked(load_split(settings.file), settings.file);
  const std::filesystem::path own = settings.run_dir / "split.json";
  if (!settings.run_dir.empty() && std::filesystem::exists(own)) {
    Split split = load_split(own);
    if (split.plan == settings.plan) return checked(std::move(split), own);
    log::info(
        "{}: made with other settings of data.split_fractions, data.split_group, data.folds or run.seed; making "
        "a new split",
        own.string());
  }
  const bool classes = data.targets().empty() || data.targets().front().task == Task::kClassification;
  return make_split(rows, settings.plan, classes ? Stratify::kClasses : Stratify::kQuantiles);
}

std::vector<Target> targets_of(const io::Cohort& cohort, const TaskSettings& settings) {
  std::vector<Target> targets = resolve_targets(cohort, settings.targets);
  for (const Target& target : targets)
    if (!settings.confounds.empty() && target.task == Task::kClassification)
      throw UsageError(
          fmt::format("task.confounds: {} is a classification: a residual of two classes is no class; expected "
                      "regression targets only, or no confounds",
                      io::printable(target.name)));
  return targets;
}

TrainingData prepare_training_data(const io::Cohort& cohort, const TaskSettings& task, const SplitSettings& split,
                                   std::int64_t frames) {
  Dataset data(cohort, targets_of(cohort, task), frames, {.confounds = task.confounds, .group = split.plan.group});
  const std::string sha256 = fingerprint(data);
  TrainingData result{std::move(data),
                      {},
                      {},
                      {.is_multitask = task.is_multitask,
                       .targets = {},
                       .is_reconstruction = task.is_reconstruction(),
                       .learns_weights = task.learns_weights},
                      sha256};
  for (const Target& target : result.data.targets()) result.task.targets.push_back({.target = target});
  result.warnings = session_warnings(result.data);
  result.split = choose_split(result.data, split);
  warn_of_relatives(result);
  warn_of_times(result);
  warn_of_codes(result);
  const std::vector<std::string> ids = ids_of(result.data);
  for (const Part p : kParts) result.parts[static_cast<std::size_t>(p)] = members(result.split, p, ids);
  if (result.part(Part::kTrain).empty())
    throw DataError(
        fmt::format("{}: none of the training participants of the split can be used", cohort.path().string()));
  if (!task.confounds.empty()) remove_confounds(result);
  if (task.shuffle)
    for (const Part p : {Part::kTrain, Part::kVal}) result.data.shuffle_labels(result.part(p), task.seed);
  fit_scalings(result);
  return result;
}

}  // namespace brainmt::task
