#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "baselines/nested.hpp"

namespace brainmt::baselines {
namespace {

// Two whole groups a fold, so that no fold is one family.
constexpr std::size_t kGroupsPerFold = 2;

std::size_t groups_of(const std::vector<task::Participant>& people) {
  std::set<std::string> groups;
  std::size_t alone = 0;
  for (const task::Participant& person : people)
    person.group.empty() ? void(++alone) : void(groups.insert(person.group));
  return groups.size() + alone;
}

InnerFolds cut(const std::vector<task::Participant>& people, int folds, std::uint64_t seed, task::Stratify stratify) {
  InnerFolds result{.fold = std::vector<int>(people.size(), -1), .count = folds};
  for (int f = 0; f < folds; ++f) {
    const task::SplitPlan plan{.seed = seed, .fractions = {1, 0, 0}, .group = "group", .folds = folds, .fold = f};
    const task::Split split = task::make_split(people, plan, stratify);
    for (std::size_t i = 0; i < people.size(); ++i)
      if (std::ranges::binary_search(split.of(task::Part::kTest), people[i].id)) result.fold[i] = f;
  }
  return result;
}

// Is there a fold without which one class is left?
bool leaves_one_class(const std::vector<task::Participant>& people, const InnerFolds& folds) {
  for (int f = 0; f < folds.count; ++f) {
    std::set<double> classes;
    for (std::size_t i = 0; i < people.size(); ++i)
      if (folds.fold[i] != f) classes.insert(people[i].target);
    if (classes.size() < 2) return true;
  }
  return false;
}

}  // namespace

InnerFolds inner_folds(const std::vector<task::Participant>& people, int folds, std::uint64_t seed,
                       task::Stratify stratify, std::vector<std::string>& warnings) {
  const std::size_t groups = groups_of(people);
  const bool has_families = std::ranges::any_of(people, [](const auto& person) { return !person.group.empty(); });
  const std::string in_families = has_families ? fmt::format(" in {} families", groups) : "";
  for (int count = std::min<int>(folds, static_cast<int>(groups / kGroupsPerFold)); count >= 2; --count) {
    InnerFolds made = cut(people, count, seed, stratify);
    if (stratify == task::Stratify::kClasses && leaves_one_class(people, made)) continue;
    if (count < folds)
      warnings.push_back(fmt::format("baseline.folds={}: {} training people{} allow {} inner folds: {} used", folds,
                                     people.size(), in_families, count, count));
    return made;
  }
  throw DataError(
      fmt::format("baseline.folds={}: {} training people{} are too few for two inner folds with two {} each{}: "
                  "expected more people, or models=[mean]",
                  folds, people.size(), in_families, in_families.empty() ? "people" : "families",
                  stratify == task::Stratify::kClasses ? " and both classes outside each of them" : ""));
}

}  // namespace brainmt::baselines
