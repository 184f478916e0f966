#include "analysis/paired.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace brainmt::analysis {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint32_t kPairedStream = 0x9a1d;

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return kUndefined;
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (position - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

// The predictions of one repeat by number of the participant; those without one are absent.
struct Numbered {
  std::vector<std::size_t> of;  // [participants] index in `scored`, or kAbsent
  std::vector<Scored> scored;
};
constexpr std::size_t kAbsent = std::numeric_limits<std::size_t>::max();

// Participants of some repeats, numbered in the order of their names.
class People {
 public:
  void add(const Repeat& repeat) {
    for (const auto& [id, scored] : repeat) numbers_.try_emplace(id, 0);
  }
  void number() {
    std::size_t next = 0;
    for (auto& [id, number] : numbers_) number = next++;
  }
  std::size_t count() const { return numbers_.size(); }
  Numbered numbered(const Repeat& repeat) const {
    Numbered result{.of = std::vector<std::size_t>(count(), kAbsent), .scored = {}};
    for (const auto& [id, scored] : repeat) {
      result.of[numbers_.at(id)] = result.scored.size();
      result.scored.push_back(scored);
    }
    return result;
  }

 private:
  std::map<std::string, std::size_t> numbers_;
};

// The mean over repeats of the metric over the participants in `drawn`; NaN when it is undefined in one of them.
double mean_metric(const std::vector<Numbered>& repeats, const std::vector<std::size_t>& drawn,
                   const std::string& metric, task::Task task) {
  double sum = 0;
  std::vector<Scored> chosen;
  for (const Numbered& repeat : repeats) {
    chosen.clear();
    for (const std::size_t person : drawn)
      if (repeat.of[person] != kAbsent) chosen.push_back(repeat.scored[repeat.of[person]]);
    sum += metric_value(metric, task, chosen);
  }
  return sum / static_cast<double>(repeats.size());
}

std::vector<std::size_t> everybody(std::size_t people) {
  std::vector<std::size_t> all(people);
  for (std::size_t i = 0; i < people; ++i) all[i] = i;
  return all;
}

// value_of(drawn participants) for all participants and for resamples of them; `resampled` without the undefined ones,
// sorted.
template <class ValueOf>
Estimate resample(std::size_t people, const task::BootstrapSettings& bootstrap, std::vector<double>& resampled,
                  const ValueOf& value_of) {
  Estimate result{.value = value_of(everybody(people)), .low = 0, .high = 0, .participants = people};
  std::vector<std::size_t> drawn(people);
  for (int i = 0; people > 0 && i < bootstrap.resamples; ++i) {
    Philox random(bootstrap.seed, kPairedStream, static_cast<std::uint64_t>(i));
    for (std::size_t& person : drawn) person = random.below(people);
    if (const double value = value_of(drawn); std::isfinite(value)) resampled.push_back(value);
  }
  std::ranges::sort(resampled);
  result.low = quantile(resampled, 0.025);
  result.high = quantile(resampled, 0.975);
  return result;
}

// Those of `from` that `also` has.
Repeat common(const Repeat& from, const Repeat& also) {
  Repeat result;
  for (const auto& [id, scored] : from)
    if (also.contains(id)) result.emplace(id, scored);
  return result;
}

}  // namespace

const std::vector<std::string>& metric_names(task::Task task) {
  static const std::vector<std::string> of_classes{"auroc", "accuracy", "balanced_accuracy", "f1"};
  static const std::vector<std::string> of_values{"pearson_r", "r2", "mae", "mse"};
  return task == task::Task::kClassification ? of_classes : of_values;
}

bool larger_is_better(const std::string& metric) { return metric != "mae" && metric != "mse"; }

double metric_value(const std::string& metric, task::Task task, const std::vector<Scored>& predictions) {
  std::vector<double> truth, score;
  for (const Scored& one : predictions) truth.push_back(one.truth), score.push_back(one.score);
  if (truth.empty()) return kUndefined;
  if (task == task::Task::kClassification) {
    const auto m = task::classification_metrics(truth, score, /*threshold=*/0.0);
    if (metric == "auroc") return m.auroc;
    if (metric == "accuracy") return m.accuracy;
    if (metric == "balanced_accuracy") return m.balanced_accuracy;
    if (metric == "f1") return m.f1;
  } else {
    const auto m = task::regression_metrics(truth, score);
    if (metric == "pearson_r") return m.pearson_r;
    if (metric == "r2") return m.r2;
    if (metric == "mae") return m.mae;
    if (metric == "mse") return m.mse;
  }
  throw UsageError(fmt::format("metric={}: expected one of {}", metric, fmt::join(metric_names(task), ", ")));
}

Estimate estimate(const Repeats& model, const std::string& metric, task::Task task,
                  const task::BootstrapSettings& bootstrap) {
  People people;
  for (const auto& [seed, repeat] : model) people.add(repeat);
  people.number();
  std::vector<Numbered> repeats;
  for (const auto& [seed, repeat] : model) repeats.push_back(people.numbered(repeat));
  std::vector<double> resampled;
  return resample(people.count(), bootstrap, resampled,
                  [&](const std::vector<std::size_t>& drawn) { return mean_metric(repeats, drawn, metric, task); });
}

Comparison compare(const Repeats& a, const Repeats& b, const std::string& metric, task::Task task,
                   const task::BootstrapSettings& bootstrap) {
  Comparison result;
  People people;
  std::vector<Repeat> of_a, of_b;
  for (const auto& [seed, repeat] : a) {
    const auto other = b.find(seed);
    if (other == b.end()) continue;
    of_a.push_back(common(repeat, other->second));
    of_b.push_back(common(other->second, repeat));
    people.add(of_a.back());
  }
  people.number();
  result.repeats = of_a.size();
  std::vector<Numbered> first, second;
  for (const Repeat& repeat : of_a) first.push_back(people.numbered(repeat));
  for (const Repeat& repeat : of_b) second.push_back(people.numbered(repeat));
  std::vector<double> resampled;
  result.difference = resample(people.count(), bootstrap, resampled, [&](const std::vector<std::size_t>& drawn) {
    return mean_metric(first, drawn, metric, task) - mean_metric(second, drawn, metric, task);
  });
  const auto below = std::ranges::count_if(resampled, [](double d) { return d <= 0; });
  const auto above = std::ranges::count_if(resampled, [](double d) { return d >= 0; });
  const double n = static_cast<double>(resampled.size());
  result.p =
      resampled.empty() ? kUndefined : std::min(1.0, 2 * (static_cast<double>(std::min(below, above)) + 1) / (n + 1));
  return result;
}

}  // namespace brainmt::analysis
