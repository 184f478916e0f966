// Properties of splits over many random cohorts: no participant, run or group crosses, and folds are an exact
// partition.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "support/expect_error.hpp"
#include "task/shuffle.hpp"
#include "task/split.hpp"

namespace brainmt::task {
namespace {

constexpr std::uint64_t kCohorts = 150;

struct RandomCohort {
  std::vector<Participant> rows;  // runs: some participants come twice
  std::map<std::string, Participant> people;
  std::size_t largest_group = 1;
};

// 40 to 300 participants in families of 1 to 5; some have no family, some no target; every fourth has a second run.
RandomCohort random_cohort(std::uint64_t seed, bool classes) {
  Philox random(seed, 77);
  RandomCohort cohort;
  const std::size_t count = 40 + random.below(261);
  std::size_t family = 0, left = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (left == 0) {
      ++family;
      left = 1 + random.below(5);
      cohort.largest_group = std::max(cohort.largest_group, std::min(left, count - i));
    }
    --left;
    Participant person{fmt::format("p{:04}", (i * 7919) % 10000),
                       classes ? static_cast<double>(random.below(2)) : random.normal(),
                       random.below(5) == 0 ? "" : fmt::format("family-{}", family)};
    if (random.below(10) == 0) person.target = std::numeric_limits<double>::quiet_NaN();
    cohort.people[person.id] = person;
    cohort.rows.push_back(person);
    if (random.below(4) == 0) cohort.rows.push_back(person);
  }
  shuffle(cohort.rows, random);
  return cohort;
}

Stratify kind_of(std::uint64_t seed) { return seed % 2 == 0 ? Stratify::kClasses : Stratify::kQuantiles; }

// Every run of a participant, and every member of a group, on one side; all participants somewhere.
void expect_nothing_crosses(const RandomCohort& cohort, const Split& split, std::uint64_t seed) {
  std::vector<std::string> ids;
  for (const Participant& row : cohort.rows) ids.push_back(row.id);
  std::map<std::string, std::set<Part>> parts_of_person, parts_of_group;
  std::size_t runs = 0;
  for (const Part part : kParts) {
    for (const std::size_t run : members(split, part, ids)) {
      ++runs;
      parts_of_person[ids[run]].insert(part);
      if (!cohort.rows[run].group.empty()) parts_of_group[cohort.rows[run].group].insert(part);
    }
  }
  EXPECT_EQ(runs, cohort.rows.size()) << "seed " << seed;
  EXPECT_EQ(parts_of_person.size(), cohort.people.size());
  for (const auto& [id, parts] : parts_of_person) EXPECT_EQ(parts.size(), 1u) << id << ", seed " << seed;
  for (const auto& [group, parts] : parts_of_group) EXPECT_EQ(parts.size(), 1u) << group << ", seed " << seed;
}

TEST(SplitGroups, NoParticipantRunOrFamilyCrosses) {
  for (std::uint64_t seed = 0; seed < kCohorts; ++seed) {
    const RandomCohort cohort = random_cohort(seed, kind_of(seed) == Stratify::kClasses);
    const SplitPlan plan{.seed = seed, .group = "family"};
    const Split split = make_split(cohort.rows, plan, kind_of(seed));
    expect_nothing_crosses(cohort, split, seed);
    for (const Part part : kParts) {
      const double share = plan.fractions[static_cast<std::size_t>(part)] * static_cast<double>(cohort.people.size());
      EXPECT_LE(std::abs(static_cast<double>(split.of(part).size()) - share),
                1.0 + static_cast<double>(cohort.largest_group))
          << name_of(part) << ", seed " << seed;
    }
  }
}

TEST(SplitGroups, ClassesKeepTheirSharesWithFamiliesToo) {
  for (std::uint64_t seed = 0; seed < kCohorts; seed += 2) {
    const RandomCohort cohort = random_cohort(seed, /*classes=*/true);
    const Split split = make_split(cohort.rows, {.seed = seed, .group = "family"}, Stratify::kClasses);
    std::map<double, double> all;
    for (const auto& [id, person] : cohort.people)
      if (!std::isnan(person.target)) ++all[person.target];
    for (const Part part : kParts) {
      std::map<double, double> here;
      for (const std::string& id : split.of(part))
        if (const double target = cohort.people.at(id).target; !std::isnan(target)) ++here[target];
      for (const auto& [target, count] : all)
        EXPECT_LE(std::abs(here[target] - split.plan.fractions[static_cast<std::size_t>(part)] * count),
                  2.0 + static_cast<double>(cohort.largest_group))
            << name_of(part) << " class " << target << ", seed " << seed;
    }
  }
}

TEST(SplitGroups, FoldsAreAnExactPartition) {
  for (std::uint64_t seed = 0; seed < kCohorts; ++seed) {
    const RandomCohort cohort = random_cohort(seed, kind_of(seed) == Stratify::kClasses);
    const bool grouped = seed % 3 != 0;
    std::vector<Participant> rows = cohort.rows;
    if (!grouped)
      for (Participant& row : rows) row.group.clear();
    const int folds = 2 + static_cast<int>(seed % 6);
    std::map<std::string, int> tested;
    for (int fold = 0; fold < folds; ++fold) {
      const SplitPlan plan{.seed = seed, .group = grouped ? "family" : "", .folds = folds, .fold = fold};
      const Split split = make_split(rows, plan, kind_of(seed));
      if (grouped) expect_nothing_crosses(cohort, split, seed);
      for (const std::string& id : split.of(Part::kTest)) ++tested[id];
      const double share = static_cast<double>(cohort.people.size()) / folds;
      const double slack = grouped ? 1.0 + static_cast<double>(cohort.largest_group) : 1.0;
      EXPECT_LE(std::abs(static_cast<double>(split.of(Part::kTest).size()) - share), slack) << "seed " << seed;
      const double rest = static_cast<double>(cohort.people.size() - split.of(Part::kTest).size());
      EXPECT_LE(std::abs(static_cast<double>(split.of(Part::kVal).size()) - rest * 0.15 / 0.85), slack)
          << "seed " << seed;
    }
    EXPECT_EQ(tested.size(), cohort.people.size()) << "seed " << seed;
    for (const auto& [id, times] : tested) EXPECT_EQ(times, 1) << id << ", seed " << seed;
  }
}

TEST(SplitGroups, DependOnTheSetOfParticipantsOnly) {
  RandomCohort cohort = random_cohort(3, /*classes=*/false);
  const SplitPlan plan{.seed = 5, .group = "family", .folds = 4, .fold = 1};
  const Split split = make_split(cohort.rows, plan, Stratify::kQuantiles);
  shuffle(cohort.rows, Philox(9, 9));
  EXPECT_EQ(make_split(cohort.rows, plan, Stratify::kQuantiles).ids, split.ids);
  EXPECT_NE(make_split(cohort.rows, {.seed = 6, .group = "family", .folds = 4, .fold = 1}, Stratify::kQuantiles).ids,
            split.ids);
}

TEST(SplitGroups, AsManySitesAsPartsGoOneToEach) {
  std::vector<Participant> rows;
  for (int i = 0; i < 100; ++i) rows.push_back({fmt::format("p{:03}", i), 0.0, i < 80 ? "a" : i < 95 ? "b" : "c"});
  const Split split = make_split(rows, {.group = "site"}, Stratify::kClasses);
  EXPECT_EQ(split.of(Part::kTrain).size(), 80u);
  EXPECT_EQ(split.of(Part::kVal).size() + split.of(Part::kTest).size(), 20u);
  EXPECT_FALSE(split.of(Part::kVal).empty());
  EXPECT_FALSE(split.of(Part::kTest).empty());
  for (Participant& row : rows)
    if (row.group == "c") row.group = "b";
  test::expect_error<DataError>([&] { make_split(rows, {.group = "site"}, Stratify::kClasses); },
                                {"stay together", "would be empty"});
}

TEST(SplitGroups, AHandGivenSplitThatCutsAGroupIsRefused) {
  const Split split{.plan = {}, .ids = {{{"a", "b"}, {"c"}, {"d"}}}};
  std::vector<Participant> rows{{"a", 0, "x"}, {"b", 0, "y"}, {"c", 0, ""}, {"d", 0, "z"}, {"unused", 0, "x"}};
  EXPECT_NO_THROW(check_groups(split, rows, "family", "split.json"));
  rows[3].group = "y";
  test::expect_error<DataError>([&] { check_groups(split, rows, "family", "split.json"); },
                                {"split.json", "'y'", "'family'", "train", "test"});
}

TEST(SplitGroups, RefusesFoldsThatDoNotExist) {
  const std::vector<Participant> rows{{"a", 0}, {"b", 1}, {"c", 0}, {"d", 1}};
  for (const auto& [folds, fold] : {std::pair{1, 0}, {3, 3}, {3, -1}})
    EXPECT_THROW(make_split(rows, {.folds = folds, .fold = fold}, Stratify::kClasses), UsageError);
  EXPECT_THROW(make_split(rows, {.folds = 5, .fold = 4}, Stratify::kClasses), DataError);
}

}  // namespace
}  // namespace brainmt::task
