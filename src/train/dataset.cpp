#include "train/dataset.hpp"

#include <cmath>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "train/shuffle.hpp"

namespace brainmt::train {
namespace {

constexpr std::uint32_t kLabelStream = 0x1abe;  // one Philox stream for each purpose

// All subjects with all their scans; a label that is missing in one run and given in another counts as given.
std::vector<Subject> gather(const io::Cohort& cohort, const std::vector<double>& labels, const std::string& target) {
  std::vector<Subject> subjects;
  std::unordered_map<std::string, std::size_t> index;
  for (std::size_t scan = 0; scan < cohort.scans().size(); ++scan) {
    const std::string& id = cohort.scans()[scan].participant_id;
    const auto [found, is_new] = index.try_emplace(id, subjects.size());
    if (is_new) subjects.push_back({id, {}, labels[scan]});
    Subject& subject = subjects[found->second];
    subject.scans.push_back(scan);
    if (std::isnan(subject.label)) subject.label = labels[scan];
    if (!std::isnan(labels[scan]) && subject.label != labels[scan])
      throw DataError(fmt::format("{}: participant {} has {} = {} for one scan and {} for another: expected one value",
                                  cohort.path().string(), id, target, subject.label, labels[scan]));
  }
  return subjects;
}

}  // namespace

Dataset::Dataset(const io::Cohort& cohort, Task task, const std::string& target, std::int64_t frames)
    : cohort_(cohort), task_(task), target_(target) {
  for (Subject& subject : gather(cohort, read_labels(cohort, target, task), target)) {
    std::erase_if(subject.scans,
                  [&](std::size_t scan) { return static_cast<std::int64_t>(cohort.scans()[scan].frames) < frames; });
    if (std::isnan(subject.label)) {
      ++without_label_;
    } else if (subject.scans.empty()) {
      ++too_short_;
    } else {
      subjects_.push_back(std::move(subject));
    }
  }
  if (subjects_.empty())
    throw DataError(
        fmt::format("{}: no subject is left for {} with {} frames: {} have no label, {} no scan that is long "
                    "enough; try a smaller model.num_frames or another task.target",
                    cohort.path().string(), target, frames, without_label_, too_short_));
}

void Dataset::shuffle_labels(const std::vector<std::size_t>& members, std::uint64_t seed) {
  std::vector<double> labels;
  for (const std::size_t i : members) labels.push_back(subjects_[i].label);
  shuffle(labels, Philox(seed, kLabelStream));
  for (std::size_t k = 0; k < members.size(); ++k) subjects_[members[k]].label = labels[k];
}

}  // namespace brainmt::train
