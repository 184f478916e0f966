#include "task/describe_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "task/class_names.hpp"

namespace brainmt::task {
namespace {

// The labels of one target in one part, as text.
std::string part_text(const TrainingData& training, std::size_t target, Part part,
                      const std::array<std::string, 2>& classes) {
  std::vector<double> labels;
  for (const std::size_t i : training.part(part))
    if (const Subject& subject = training.data.subjects()[i]; subject.has_label(target))
      labels.push_back(subject.labels[target]);
  if (labels.empty()) return fmt::format("{} none", name_of(part));
  const auto n = static_cast<double>(labels.size());
  if (training.task.targets[target].target.task == Task::kClassification) {
    const auto ones = std::ranges::count(labels, 1.0);
    return fmt::format("{} {} {}, {} {} ({:.0f} %)", name_of(part), std::ssize(labels) - ones, classes[0], ones,
                       classes[1], 100.0 * static_cast<double>(ones) / n);
  }
  double mean = 0, squares = 0;
  for (const double y : labels) mean += y / n;
  for (const double y : labels) squares += (y - mean) * (y - mean);
  const auto [low, high] = std::ranges::minmax(labels);
  return fmt::format("{} {:.4g} to {:.4g}, mean {:.4g}, sd {:.3g}", name_of(part), low, high, mean,
                     labels.size() < 2 ? 0.0 : std::sqrt(squares / (n - 1)));
}

}  // namespace

std::string describe_left_out(const TrainingData& training, std::int64_t frames) {
  const Dataset& data = training.data;
  std::string text = fmt::format("left out     {} without {}, {} with scans shorter than {} frames",
                                 data.without_label(), names_of(data.targets()), data.too_short(), frames);
  if (!data.columns().confounds.empty()) text += fmt::format(", {} without a confound", data.without_confounds());
  std::size_t used = 0;
  for (const Part part : kParts) used += training.part(part).size();
  text += fmt::format(", {} not in the split", data.subjects().size() - used);
  return text + fmt::format("; {} scans in quarantine\n", data.cohort().quarantined());
}

std::string describe_labels(const TrainingData& training) {
  std::string text;
  for (std::size_t k = 0; k < training.outputs(); ++k) {
    const Target& target = training.task.targets[k].target;
    const bool classes = target.task == Task::kClassification;
    const auto names = classes ? class_names(training.data.cohort(), target) : std::array<std::string, 2>{};
    text += fmt::format("{:<12} ", target.name);
    for (const Part part : kParts)
      text += fmt::format("{}{}", part == Part::kTrain ? "" : "; ", part_text(training, k, part, names));
    text += '\n';
  }
  return text;
}

std::string describe_window(const io::Cohort& cohort, std::int64_t frames) {
  std::set<double> times;
  for (std::size_t s = 0; s < cohort.scans().size(); ++s)
    if (cohort.usable(s) && cohort.scans()[s].repetition_time > 0) times.insert(cohort.scans()[s].repetition_time);
  if (times.empty()) return fmt::format("{} frames, of unknown repetition time", frames);
  const auto minutes = [&](double seconds) { return static_cast<double>(frames) * seconds / 60; };
  if (times.size() == 1)
    return fmt::format("{} frames of {:.6g} s: {:.3g} minutes", frames, *times.begin(), minutes(*times.begin()));
  return fmt::format("{} frames of {:.6g} to {:.6g} s: {:.3g} to {:.3g} minutes", frames, *times.begin(),
                     *times.rbegin(), minutes(*times.begin()), minutes(*times.rbegin()));
}

}  // namespace brainmt::task
