// The split of participants: shares, strata, independence of the row order, and files that must be refused.
#include "task/split.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "task/shuffle.hpp"

namespace brainmt::task {

namespace {

constexpr std::array kFractions{0.7, 0.15, 0.15};

std::vector<Participant> participants(std::size_t n, const std::function<double(std::size_t)>& target) {
  std::vector<Participant> rows;
  for (std::size_t i = 0; i < n; ++i) rows.push_back({fmt::format("sub-{:04}", i), target(i)});
  return rows;
}

double one_in_three(std::size_t i) { return i % 3 == 0 ? 1.0 : 0.0; }
double skewed(std::size_t i) { return std::exp(Philox(5, 1, i).normal()); }

void expect_same(const Split& a, const Split& b) {
  EXPECT_EQ(a.plan, b.plan);
  EXPECT_EQ(a.ids, b.ids);
}

TEST(Split, EveryParticipantOnceAndExactShares) {
  for (const Stratify stratify : {Stratify::kClasses, Stratify::kQuantiles}) {
    for (const std::size_t n : {7u, 20u, 100u, 101u, 997u}) {
      const auto rows = participants(n, stratify == Stratify::kClasses ? one_in_three : skewed);
      const Split split = make_split(rows, {.seed = 11}, stratify);
      std::vector<std::string> all;
      for (const Part part : kParts) {
        all.insert(all.end(), split.of(part).begin(), split.of(part).end());
        const double share = kFractions[static_cast<std::size_t>(part)] * static_cast<double>(n);
        EXPECT_LT(std::abs(static_cast<double>(split.of(part).size()) - share), 1.0) << name_of(part) << " of " << n;
      }
      std::ranges::sort(all);
      ASSERT_EQ(all.size(), n);
      for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(all[i], rows[i].id);
    }
  }
}

TEST(Split, ClassesKeepTheirShares) {
  const auto rows = participants(300, one_in_three);
  const Split split = make_split(rows, {.seed = 11}, Stratify::kClasses);
  std::map<std::string, double> target;
  for (const auto& row : rows) target[row.id] = row.target;
  for (const Part part : kParts) {
    const auto ones = std::ranges::count_if(split.of(part), [&](const std::string& id) { return target[id] == 1.0; });
    const double share = kFractions[static_cast<std::size_t>(part)] * 100;
    EXPECT_LE(std::abs(static_cast<double>(ones) - share), 2.0) << name_of(part);
  }
}

TEST(Split, QuantilesKeepTheirShares) {
  const auto rows = participants(400, skewed);
  const Split split = make_split(rows, {.seed = 11}, Stratify::kQuantiles);
  std::map<std::string, double> target;
  std::vector<double> sorted;
  for (const auto& row : rows) sorted.push_back(target[row.id] = row.target);
  std::ranges::sort(sorted);
  for (const Part part : kParts) {
    for (std::size_t tenth = 1; tenth < 10; ++tenth) {  // up to any bin's edge the shares are exact within one
      const double edge = sorted[40 * tenth];
      const auto below =
          std::ranges::count_if(split.of(part), [&](const std::string& id) { return target[id] < edge; });
      const double share = kFractions[static_cast<std::size_t>(part)] * 40.0 * static_cast<double>(tenth);
      EXPECT_LT(std::abs(static_cast<double>(below) - share), 1.0 + 1e-9) << name_of(part) << " below tenth " << tenth;
    }
  }
}

TEST(Split, DependsOnTheSetOfParticipantsAndTheSeedOnly) {
  auto rows = participants(90, skewed);
  const Split split = make_split(rows, {.seed = 4}, Stratify::kQuantiles);
  shuffle(rows, Philox(1, 2));
  rows.push_back(rows[17]);  // a second run of one participant
  expect_same(split, make_split(rows, {.seed = 4}, Stratify::kQuantiles));
  EXPECT_NE(split.ids, make_split(rows, {.seed = 5}, Stratify::kQuantiles).ids);
}

TEST(Split, MembersHoldEveryRunOfAParticipant) {
  const Split split{.plan = {}, .ids = {{{"a", "c"}, {"b"}, {"d"}}}};
  const std::vector<std::string> runs{"c", "b", "a", "c", "unused", "d"};
  EXPECT_EQ(members(split, Part::kTrain, runs), (std::vector<std::size_t>{0, 2, 3}));
  EXPECT_EQ(members(split, Part::kTest, runs), (std::vector<std::size_t>{5}));
}

TEST(Split, RefusesWhatCannotBeSplit) {
  const auto rows = participants(40, one_in_three);
  for (const std::array<double, 3> bad : {std::array{0.7, 0.2, 0.2}, {1.2, -0.1, -0.1}, {0.5, 0.2, 0.2}}) {
    EXPECT_THROW(make_split(rows, {.fractions = bad}, Stratify::kClasses), UsageError);
  }
  EXPECT_THROW(make_split(std::span(rows).first(2), {}, Stratify::kClasses), DataError);
  EXPECT_TRUE(
      make_split(std::span(rows).first(2), {.fractions = {1.0, 0.0, 0.0}}, Stratify::kClasses).of(Part::kTest).empty());
  EXPECT_THROW(make_split(std::vector<Participant>{{"a", 1, "x"}, {"a", 1, "y"}}, {.fractions = {1.0, 0.0, 0.0}},
                          Stratify::kClasses),
               DataError);
  EXPECT_THROW(
      make_split(std::vector<Participant>{{"a", 1}, {"a", 2}}, {.fractions = {1.0, 0.0, 0.0}}, Stratify::kClasses),
      DataError);
}

class SplitFile : public testing::Test {
 protected:
  SplitFile() : folder_(std::filesystem::temp_directory_path() / fmt::format("brainmt-split-{}", getpid())) {
    std::filesystem::create_directories(folder_);
    split_ = make_split(participants(30, one_in_three), {.seed = 123456789012345ull}, Stratify::kClasses);
    save_split(split_, path());
  }
  ~SplitFile() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path path() const { return folder_ / "split.json"; }
  // Loads the file after `change`; returns the message of the DataError.
  std::string error_after(const std::function<void(nlohmann::json&)>& change) {
    auto json = nlohmann::json::parse(std::ifstream(path()));
    change(json);
    std::ofstream(path()) << json;
    try {
      load_split(path());
    } catch (const DataError& error) {
      return error.what();
    }
    return "accepted";
  }

  std::filesystem::path folder_;
  Split split_;
};

TEST_F(SplitFile, ComesBackAsItWas) { expect_same(load_split(path()), split_); }

TEST_F(SplitFile, ComesBackWithGroupAndFold) {
  const Split split = make_split(participants(30, one_in_three), {.seed = 7, .group = "family", .folds = 3, .fold = 2},
                                 Stratify::kClasses);
  save_split(split, path());
  expect_same(load_split(path()), split);
}

TEST_F(SplitFile, VersionOneWithoutGroupAndFoldsStillLoads) {
  auto json = nlohmann::json::parse(std::ifstream(path()));
  json["version"] = 1;
  for (const char* key : {"group", "folds", "fold"}) json.erase(key);
  std::ofstream(path()) << json;
  expect_same(load_split(path()), split_);
}

TEST_F(SplitFile, OverlapIsRefused) {
  const std::string error = error_after([](auto& json) { json["test"].push_back(json["train"][0]); });
  EXPECT_NE(error.find("is in train and again in test"), std::string::npos) << error;
}

TEST_F(SplitFile, RepetitionIsRefused) {
  const std::string error = error_after([](auto& json) { json["val"].push_back(json["val"][0]); });
  EXPECT_NE(error.find("is in val and again in val"), std::string::npos) << error;
}

TEST_F(SplitFile, ChangedParticipantsAreRefused) {
  const std::string error = error_after([](auto& json) { json["train"].erase(0); });
  EXPECT_NE(error.find("ids_sha256"), std::string::npos) << error;
}

TEST_F(SplitFile, OtherFilesAreRefused) {
  EXPECT_NE(error_after([](auto& json) { json["version"] = 3; }).find("version 3"), std::string::npos);
  EXPECT_NE(error_after([](auto& json) { json = nlohmann::json::array(); }).find("not a split file"),
            std::string::npos);
  std::ofstream(path()) << "{\"format\": ";
  EXPECT_THROW(load_split(path()), DataError);
  EXPECT_THROW(load_split(folder_ / "missing.json"), DataError);
}

TEST_F(SplitFile, UnknownParticipantsAreRefused) {
  std::vector<std::string> known;
  for (const auto& row : participants(31, one_in_three)) known.push_back(row.id);
  EXPECT_NO_THROW(check_known(split_, known, "cohort.h5"));
  known.erase(known.begin() + 3, known.begin() + 5);
  try {
    check_known(split_, known, "cohort.h5");
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("2 of the participants of the split are not in cohort.h5", 0), 0u);
  }
}

}  // namespace
}  // namespace brainmt::task
