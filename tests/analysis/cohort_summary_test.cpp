// What `inspect` says about a cohort's participants, and that it finds a fill value that gives a label away (fault 15
// of the published preprocessing).
#include "analysis/cohort_summary.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "io/float16.hpp"

namespace brainmt::analysis {
namespace {

// Two runs for each of 40 participants; `fill` by participant.
struct Parts {
  std::vector<io::CohortScan> scans;
  std::vector<io::PhenotypeColumn> phenotypes;
};
template <class Fill>
Parts cohort_with(const Fill& fill) {
  Parts layout;
  std::vector<double> age, constant;
  std::vector<std::string> sex, site;
  for (int p = 0; p < 40; ++p) {
    for (const char* run : {"REST1_LR", "REST1_RL"}) {
      io::CohortScan scan{
          .participant_id = fmt::format("p{}", p), .source = "x", .frames = 10, .repetition_time = 0.72};
      scan.run = run;
      scan.mean_fd = 0.1 + 0.01 * p;
      scan.statistics.fill = io::float_to_half(static_cast<float>(fill(p)));
      layout.scans.push_back(scan);
      age.push_back(20 + p);
      sex.push_back(p == 7 ? "" : p % 2 == 0 ? "M" : "F");
      site.push_back(fmt::format("site-{}", p % 3));
      constant.push_back(1);
    }
  }
  layout.phenotypes = {{"Gender", sex}, {"age", age}, {"site", site}, {"constant", constant}};
  return layout;
}

Json row_of(const Json& leaks, const std::string& column) {
  for (const Json& row : leaks) {
    if (row["column"] == column) return row;
  }
  return nullptr;
}

Json leaks_of(const Parts& parts) { return fill_value_leaks(parts.scans, parts.phenotypes); }

TEST(FillValueLeaks, FindsWhatIsPlantedByParticipant) {
  const Json by_sex = leaks_of(cohort_with([](int p) { return p % 2 == 0 ? -4.0 - 0.01 * p : -3.0 - 0.01 * p; }));
  ASSERT_EQ(by_sex.size(), 2u);  // neither the three sites nor the constant
  EXPECT_EQ(row_of(by_sex, "Gender"), (Json{{"column", "Gender"},
                                            {"measure", "auroc"},
                                            {"value", 1.0},
                                            {"participants", 39},  // once each, without the one of unknown sex
                                            {"leaks", true}}));
  EXPECT_EQ(row_of(by_sex, "age")["leaks"], false);

  const Json by_age = leaks_of(cohort_with([](int p) { return -2.0 - 0.0625 * p; }));
  EXPECT_EQ(row_of(by_age, "age")["measure"], "r");
  EXPECT_NEAR(row_of(by_age, "age")["value"].get<double>(), 1.0, 1e-3);
  EXPECT_EQ(row_of(by_age, "age")["leaks"], true);
  EXPECT_EQ(row_of(by_age, "Gender")["leaks"], false);
}

TEST(FillValueLeaks, DirectionDoesNotMatter) {
  const Json leaks = leaks_of(cohort_with([](int p) { return p % 2 == 0 ? -3.0 : -4.0; }));
  EXPECT_EQ(row_of(leaks, "Gender")["value"], 1.0);
}

TEST(FillValueLeaks, NothingToFindInEqualFillValues) {
  EXPECT_TRUE(leaks_of(cohort_with([](int) { return 0.0; })).empty());
}

TEST(FillValueLeaks, JustAboveTheThreshold) {
  // Of 20 x 20 pairs (one participant is left out: 20 x 19) the fill value orders a known share.
  const auto share = [](int shifted) {
    return row_of(leaks_of(cohort_with([=](int p) {
                    const int rank = p / 2;
                    return p % 2 == 0 ? -2.0 - 0.125 * rank : -2.0625 - 0.125 * (rank + shifted);
                  })),
                  "Gender");
  };
  EXPECT_LT(share(1)["value"].get<double>(), 0.65);
  EXPECT_EQ(share(1)["leaks"], false);
  EXPECT_GT(share(5)["value"].get<double>(), 0.65);
  EXPECT_EQ(share(5)["leaks"], true);
}

TEST(CohortSummary, ParticipantsRunsAndMotion) {
  std::vector<io::CohortScan> scans = cohort_with([](int) { return 0.0; }).scans;
  scans.pop_back();
  const Json found = summarise_participants(scans);
  EXPECT_EQ(found["participants"], 40);
  EXPECT_EQ(found["runs_of_a_participant"], (Json{1, 2}));
  EXPECT_EQ(found["mean_fd"], (Json{{"scans", 79}, {"least", 0.1}, {"median", 0.29}, {"largest", 0.49}}));
  for (io::CohortScan& scan : scans) scan.mean_fd = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(summarise_participants(scans)["mean_fd"].is_null());
}

}  // namespace
}  // namespace brainmt::analysis
