#include "task/dataset.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "task/participants.hpp"
#include "task/phenotype_values.hpp"
#include "task/session_values.hpp"
#include "task/shuffle.hpp"

namespace brainmt::task {
namespace {

constexpr std::uint32_t kLabelStream = 0x1abe;  // one Philox stream for each purpose

bool is_missing(double value) { return std::isnan(value); }
bool is_missing(const std::string& value) { return value.empty(); }
bool is_missing(const ConfoundValue& value) {
  return std::visit([](const auto& v) { return is_missing(v); }, value);
}

}  // namespace

bool Subject::has_label(std::size_t target) const { return !is_missing(labels[target]); }

std::string names_of(const std::vector<Target>& targets) {
  if (targets.empty()) return "reconstruction";
  std::vector<std::string> names;
  for (const Target& target : targets) names.push_back(target.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Dataset::Dataset(const io::Cohort& cohort, std::vector<Target> targets, std::int64_t frames, DatasetColumns columns)
    : cohort_(cohort), targets_(std::move(targets)), columns_(std::move(columns)) {
  gather();
  std::vector<Subject> usable;
  for (Subject& subject : subjects_) {
    std::erase_if(subject.scans,
                  [&](std::size_t scan) { return static_cast<std::int64_t>(cohort.scans()[scan].frames) < frames; });
    if (!subject.labels.empty() &&
        std::ranges::all_of(subject.labels, [](double label) { return is_missing(label); })) {
      ++without_label_;
    } else if (std::ranges::any_of(subject.confounds, [](const ConfoundValue& v) { return is_missing(v); })) {
      ++without_confounds_;
    } else if (subject.scans.empty()) {
      ++too_short_;
    } else {
      usable.push_back(std::move(subject));
    }
  }
  subjects_ = std::move(usable);
  if (subjects_.empty())
    throw DataError(fmt::format(
        "{}: no subject is left for {} with {} frames: {} have no label, {} lack a confound, {} no scan that "
        "is long enough; try a smaller model.num_frames, another task.target or fewer task.confounds",
        cohort.path().string(), names_of(targets_), frames, without_label_, without_confounds_, too_short_));
}

void Dataset::gather() {
  subjects_ = participants_of(cohort_);
  for (const Target& target : targets_) {
    const std::vector<double> labels = read_labels(cohort_, target);
    const std::vector<std::string> texts = texts_of(phenotype(cohort_, target.name));
    const bool classes = target.task == Task::kClassification;
    for (Subject& subject : subjects_)
      subject.labels.push_back(classes ? class_of_scans(cohort_, labels, subject.scans, target.name, texts)
                                       : mean_of_scans(labels, subject.scans));
  }
  for (const std::string& name : columns_.confounds) add_confound(cohort_, name, subjects_);
  if (columns_.group.empty()) return;
  const std::vector<std::string> groups = texts_of(phenotype(cohort_, columns_.group));
  for (Subject& subject : subjects_) subject.group = text_of_scans(cohort_, groups, subject.scans, columns_.group);
}

std::size_t Dataset::missing(std::size_t target) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(subjects_, [&](const Subject& subject) { return !subject.has_label(target); }));
}

std::size_t Dataset::without_group() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(subjects_, [](const Subject& subject) { return subject.group.empty(); }));
}

void Dataset::shuffle_labels(const std::vector<std::size_t>& members, std::uint64_t seed) {
  std::vector<std::vector<double>> labels;
  for (const std::size_t i : members) labels.push_back(subjects_[i].labels);
  shuffle(labels, Philox(seed, kLabelStream));
  for (std::size_t k = 0; k < members.size(); ++k) subjects_[members[k]].labels = labels[k];
}

std::size_t Dataset::adjust_labels(const ConfoundCoding& coding, const std::vector<Adjustment>& adjustments) {
  BRAINMT_CHECK(adjustments.size() == targets_.size(), "{} adjustments", adjustments.size());
  std::size_t unseen = 0;
  for (Subject& subject : subjects_) {
    const std::vector<double> coded = coding.coded(subject.confounds, &unseen);
    for (std::size_t k = 0; k < adjustments.size(); ++k) subject.labels[k] -= adjustments[k].of(coded);
  }
  return unseen;
}

}  // namespace brainmt::task
