#include "task/split.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "io/printable.hpp"
#include "task/deal.hpp"

namespace brainmt::task {
namespace {

// One Philox stream for each purpose.
constexpr std::uint32_t kSplitStream = 0x5711, kFoldStream = 0xf01d, kRestStream = 0x2e57;
// Quantile bins: enough to balance the tails, each with enough participants for all parts.
constexpr std::size_t kMaxBins = 10, kParticipantsPerBin = 20;

void check_plan(const SplitPlan& plan) {
  const std::array<double, 3>& f = plan.fractions;
  const double sum = f[0] + f[1] + f[2];
  if (!std::ranges::all_of(f, [](double x) { return x >= 0.0 && x <= 1.0; }) || std::abs(sum - 1.0) >= 1e-9)
    throw UsageError(fmt::format(
        "data.split_fractions=[{},{},{}]: expected three numbers from 0 to 1 with the sum 1, found the sum {}", f[0],
        f[1], f[2], sum));
  if (plan.folds == 0) return;
  if (plan.folds < 2 || plan.fold < 0 || plan.fold >= plan.folds)
    throw UsageError(fmt::format("data.folds={} data.fold={}: expected at least 2 folds and a fold from 0 to folds - 1",
                                 plan.folds, plan.fold));
  if (f[0] <= 0)
    throw UsageError(
        fmt::format("data.split_fractions=[{},{},{}]: expected a training share above 0", f[0], f[1], f[2]));
}

struct Row {
  double target = 0;
  std::string group;
};

// Each participant once, by id.
std::map<std::string, Row> by_id(std::span<const Participant> rows) {
  std::map<std::string, Row> people;
  for (const auto& [id, target, group] : rows) {
    const auto [known, is_new] = people.try_emplace(id, Row{target, group});
    const bool same_target = known->second.target == target || (std::isnan(known->second.target) && std::isnan(target));
    if (!same_target)
      throw DataError(fmt::format("participant {} has the target {} in one row and {} in another: expected one value",
                                  id, known->second.target, target));
    if (known->second.group != group)
      throw DataError(fmt::format("participant {} is in the group {} in one row and {} in another: expected one value",
                                  id, io::printable(known->second.group), io::printable(group)));
  }
  return people;
}

std::map<std::string, Person> with_strata(const std::map<std::string, Row>& people, Stratify stratify) {
  std::vector<std::pair<double, std::string>> by_target;
  std::map<std::string, Person> result;
  for (const auto& [id, person] : people) {
    result[id].group = person.group;
    if (!std::isnan(person.target)) by_target.emplace_back(person.target, id);
  }
  std::ranges::sort(by_target);
  const std::size_t bins = std::clamp<std::size_t>(by_target.size() / kParticipantsPerBin, 1, kMaxBins);
  std::size_t stratum = 0;
  for (std::size_t i = 0; i < by_target.size(); ++i) {
    const bool opens_stratum =
        i > 0 && (stratify == Stratify::kClasses ? by_target[i].first != by_target[i - 1].first
                                                 : i * bins / by_target.size() != (i - 1) * bins / by_target.size());
    if (opens_stratum) ++stratum;
    result[by_target[i].second].stratum = stratum;
  }
  for (const auto& [id, person] : people)
    if (std::isnan(person.target)) result[id].stratum = stratum + 1;
  return result;
}

void check_not_empty(const Split& split, std::size_t people) {
  for (const Part part : kParts) {
    const double fraction = split.plan.fractions[static_cast<std::size_t>(part)];
    const bool asked_for = part == Part::kTest && split.plan.folds > 0 ? true : fraction > 0.0;
    if (asked_for && split.of(part).empty())
      throw DataError(
          fmt::format("{} participants{} are too few: the part {} would be empty; use more participants, {}", people,
                      split.plan.group.empty() ? "" : " in groups that stay together", name_of(part),
                      split.plan.folds > 0 ? "fewer data.folds" : "or other data.split_fractions"));
  }
}

}  // namespace

std::string_view name_of(Part part) {
  switch (part) {
    case Part::kTrain:
      return "train";
    case Part::kVal:
      return "val";
    case Part::kTest:
      return "test";
  }
  return "?";
}

std::optional<Part> part_named(std::string_view name) {
  for (const Part part : kParts)
    if (name_of(part) == name) return part;
  return std::nullopt;
}

SplitPlan SplitPlan::from_config(const config::Config& config) {
  const auto fractions = config.get<std::vector<double>>("data.split_fractions");
  const int folds = config.get<int>("data.folds");
  return {.seed = static_cast<std::uint64_t>(config.get<std::int64_t>("run.seed")),
          .fractions = {fractions[0], fractions[1], fractions[2]},
          .group = config.get<std::string>("data.split_group"),
          .folds = folds,
          .fold = folds > 0 ? config.get<int>("data.fold") : 0};
}

Split make_split(std::span<const Participant> rows, const SplitPlan& plan, Stratify stratify) {
  check_plan(plan);
  std::map<std::string, Person> people = with_strata(by_id(rows), stratify);
  const std::size_t count = people.size();
  Split split{.plan = plan, .ids = {}};
  const auto& [train, val, test] = plan.fractions;
  if (plan.folds == 0) {
    auto parts = deal(people, plan.fractions, {plan.seed, kSplitStream});
    std::ranges::move(parts, split.ids.begin());
  } else {
    const std::vector<double> equal(static_cast<std::size_t>(plan.folds), 1.0 / plan.folds);
    auto folds = deal(people, equal, {plan.seed, kFoldStream});
    split.ids[2] = std::move(folds[static_cast<std::size_t>(plan.fold)]);
    for (const std::string& id : split.ids[2]) people.erase(id);
    const std::array<double, 2> rest{train / (train + val), val / (train + val)};
    auto parts = deal(people, rest, {plan.seed, kRestStream, static_cast<std::uint64_t>(plan.fold)});
    std::ranges::move(parts, split.ids.begin());
  }
  for (auto& ids : split.ids) std::ranges::sort(ids);
  check_not_empty(split, count);
  return split;
}

void check_known(const Split& split, std::span<const std::string> known, const std::string& source) {
  std::vector<std::string_view> sorted(known.begin(), known.end());
  std::ranges::sort(sorted);
  std::size_t unknown = 0;
  std::string first;
  for (const auto& part : split.ids) {
    for (const std::string& id : part) {
      if (!std::ranges::binary_search(sorted, std::string_view(id)) && unknown++ == 0) first = id;
    }
  }
  if (unknown > 0) {
    throw DataError(
        fmt::format("{} of the participants of the split are not in {}, the first is {}: expected a split of "
                    "the same cohort; check data.split_file",
                    unknown, source, first));
  }
}

void check_groups(const Split& split, std::span<const Participant> rows, const std::string& column,
                  const std::string& source) {
  std::map<std::string, Part> part_of_group;
  for (const Participant& row : rows) {
    if (row.group.empty()) continue;
    for (const Part part : kParts) {
      if (!std::ranges::binary_search(split.of(part), row.id)) continue;
      const auto [known, is_new] = part_of_group.try_emplace(row.group, part);
      if (!is_new && known->second != part)
        throw DataError(fmt::format(
            "{}: the group {} of column {} has participants in {} and in {}: expected every group on one "
            "side; make a new split with data.split_group, or leave data.split_group out",
            source, io::printable(row.group), io::printable(column), name_of(known->second), name_of(part)));
    }
  }
}

std::vector<std::size_t> members(const Split& split, Part part, std::span<const std::string> ids) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (std::ranges::binary_search(split.of(part), ids[i])) indices.push_back(i);
  }
  return indices;
}

}  // namespace brainmt::task
