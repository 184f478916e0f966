// What a report says about people: counts and levels worked out by hand, and the sides of the picture.
#include "analysis/report_cohort.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "analysis/brain_slices.hpp"
#include "analysis/markup.hpp"
#include "analysis/report.hpp"
#include "support/temporary_directory.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::analysis {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Four of the test split, two of each sex and site; the training split's sex is known from age alone.
CohortFacts facts_of_eight() {
  CohortFacts facts;
  facts.targets = {"sex"};
  facts.class_names["sex"] = {"female", "male"};
  facts.confounds = {"age"};
  facts.left_out = {{"participants without sex", 3}};
  for (int i = 0; i < 4; ++i) {
    const std::string id(1, static_cast<char>('p' + i));
    facts.people[id] = {
        .part = "train", .sex = "", .site = "", .age = 20.0 + i, .motion = kNan, .labels = {i < 3 ? 1.0 : 0.0}};
    facts.confound_rows[id] = {20.0 + i};
  }
  for (int i = 0; i < 4; ++i) {
    const std::string id(1, static_cast<char>('a' + i));
    facts.people[id] = {.part = "test",
                        .sex = i % 2 == 0 ? "female" : "male",
                        .site = i < 2 ? "Bonn" : "Kiel",
                        .age = 30.0 + i,
                        .motion = 0.1 * i,
                        .labels = {static_cast<double>(i % 2)}};
    facts.confound_rows[id] = {30.0 + i};
  }
  return facts;
}

// One of each site is right.
TargetResult result_of_four() {
  TargetResult result{.target = "sex", .is_classification = true, .metrics = {}, .predictions = {}};
  const std::array<double, 4> logits{-1, -2, 1, 2};
  for (std::size_t i = 0; i < 4; ++i)
    result.predictions.push_back({.participant_id = std::string(1, static_cast<char>('a' + i)),
                                  .part = "test",
                                  .target = "sex",
                                  .truth = static_cast<double>(i % 2),
                                  .predicted = logits[i] > 0 ? 1.0 : 0.0,
                                  .logit = logits[i],
                                  .probability = 1 / (1 + std::exp(-logits[i]))});
  return result;
}

RunRecord run_with(CohortFacts facts) {
  RunRecord run{.directory = "run"};
  run.name = "run";
  run.results.push_back(result_of_four());
  set_facts(run, std::move(facts));
  return run;
}

TEST(ReportCohort, ErrorsAreShownByGroup) {
  const RunRecord run = run_with(facts_of_eight());
  const auto table = groups_table(run, run.results.front());
  ASSERT_TRUE(table);
  const std::vector<std::vector<std::string>> rows(table->rows.begin(), table->rows.begin() + 4);
  EXPECT_EQ(rows, (std::vector<std::vector<std::string>>{{"female", "2", "0.5", "–"},
                                                         {"male", "2", "0.5", "–"},
                                                         {"Bonn", "2", "0.5", "0"},
                                                         {"Kiel", "2", "0.5", "1"}}));
  EXPECT_EQ(table->rows[4][0], "age below 32");
  EXPECT_EQ(table->rows.size(), 8u) << "halves of age and of motion";
}

TEST(ReportCohort, LevelsWithoutAScanStandBesideTheModel) {
  const RunRecord run = run_with(facts_of_eight());
  const auto table = levels_table(run, run.results.front());
  ASSERT_TRUE(table);
  ASSERT_EQ(table->rows.size(), 3u);
  EXPECT_EQ(table->rows[0], (std::vector<std::string>{"this model", "0.5", "0.5", "0.5"}));
  EXPECT_EQ(table->rows[1], (std::vector<std::string>{"always male", "0.5", "0.5", "0.5"}));
  EXPECT_EQ(table->rows[2][0], "age alone");
  EXPECT_EQ(table->rows[2][1], "0.25") << "older is less often male in the training split";
}

TEST(ReportCohort, TheBaselineOnConfoundsStandsForTheirLevel) {
  RunRecord run = run_with(facts_of_eight());
  run.baselines.push_back({.name = "confounds", .title = "confounds alone", .targets = {{"sex", {}}}});
  EXPECT_EQ(levels_table(run, run.results.front())->rows.size(), 2u);
  run.baselines.front().targets.clear();
  EXPECT_EQ(levels_table(run, run.results.front())->rows.size(), 3u) << "it is of another target";
}

TEST(ReportCohort, AModelWithoutNetworkHasNoWindow) {
  RunRecord run = run_with([] {
    CohortFacts facts = facts_of_eight();
    facts.window = "1 frames of 2 s";
    return facts;
  }());
  const auto says = [&] {
    return report_page({&run, 1}, {.title = "t", .bins = 5, .program = ""}).find("1 frames") != std::string::npos;
  };
  EXPECT_TRUE(says());
  run.is_baseline = true;
  EXPECT_FALSE(says());
}

TEST(ReportCohort, PageNamesClassesPeopleAndExclusions) {
  const RunRecord run = run_with(facts_of_eight());
  const std::string text = report_page({&run, 1}, {.title = "", .bins = 5, .program = ""});
  EXPECT_EQ(test::unbalanced(text), "");
  for (const char* part : {"share that is male", "predicted probability of male", "50 % of female", "female 2, male 2",
                           "Bonn 2, Kiel 2", "3 participants without sex", "By sex, site, age and motion"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
}

TEST(ReportCohort, PageSaysThatTheCohortIsAnotherOne) {
  RunRecord run = run_with([] {
    CohortFacts facts = facts_of_eight();
    facts.data_sha256 = "12";
    return facts;
  }());
  const auto says = [&] {
    const std::string text = report_page({&run, 1}, {.title = "t", .bins = 5, .program = ""});
    return text.find("has other subjects, labels or scans now") != std::string::npos;
  };
  run.provenance = nlohmann::ordered_json::parse(R"([{"data_sha256":"34"},{"data_sha256":"12"}])");
  EXPECT_FALSE(says());
  run.provenance.back()["data_sha256"] = "56";
  EXPECT_TRUE(says());
}

TEST(ReportCohort, PageSaysThatTheCohortIsGone) {
  RunRecord run{.directory = "run"};
  run.cohort_note = "c.h5: no such file";
  const std::string text = report_page({&run, 1}, {.title = "t", .bins = 5, .program = ""});
  EXPECT_NE(text.find("left out: c.h5: no such file"), std::string::npos);
}

TEST(ReportCohort, TwoRunsShareOneAxisWithTheirDifference) {
  std::array<RunRecord, 2> runs{run_with(facts_of_eight()), run_with(facts_of_eight())};
  runs[1].name = "other";
  for (ScoredPrediction& p : runs[1].results[0].predictions) p.logit = p.truth > 0 ? 1 : -1;
  const std::string text = report_page(runs, {.title = "t", .bins = 5, .program = ""});
  EXPECT_EQ(test::unbalanced(text), "");
  EXPECT_NE(text.find("<td>other minus run</td><td>AUROC</td><td class=\"number\">0.5</td>"), std::string::npos);
  EXPECT_EQ(text.find("ROC curve"), text.rfind("ROC curve")) << "one axis";
}

TEST(ReportCohort, FactsAreThoseOfTheCohort) {
  const test::TemporaryDirectory directory;
  test::write_tiny_cohort(MPI_COMM_SELF, directory / "c.h5", 12, false, [](io::CohortLayout& layout) {
    layout.scans[3].mean_fd = 0.25;
    std::get<std::vector<std::string>>(layout.phenotypes[0].values)[0] = "";
  });
  const io::Cohort cohort(directory / "c.h5");
  const CohortFacts facts =
      read_cohort_facts(cohort, {.targets = {{.name = "age", .task = task::Task::kRegression}}}, {.plan = {}}, 7);
  EXPECT_EQ(facts.people.size(), 6u) << "every second scan has 6 frames";
  EXPECT_EQ(facts.people.at("sub-003").sex, "female");
  EXPECT_EQ(facts.people.at("sub-003").motion, 0.25);
  EXPECT_EQ(facts.people.at("sub-003").age, 53);
  EXPECT_EQ(facts.left_out, (std::vector<std::pair<std::string, std::size_t>>{{"participants without 7 frames", 6}}));
  EXPECT_EQ(facts.confounds, (std::vector<std::string>{"sex", "mean_fd"})) << "not the target";
  EXPECT_EQ(facts.repetition, "0.8 s");
  EXPECT_EQ(facts.space, "9 x 8 x 7 voxels of 2 x 2 x 2 mm");
  EXPECT_NE(facts.picture.svg.find("<path"), std::string::npos);
}

// A bright voxel on the participant's right must be drawn on the right, however the volume is stored.
TEST(BrainSlices, SidesAreThoseOfTheParticipant) {
  for (const double x_sign : {1.0, -1.0}) {
    Volume volume{.grid = {4, 4, 4}, .affine = {x_sign, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, .values = {}};
    for (int y = 0; y < 4; ++y)
      for (int x = 0; x < 4; ++x)
        for (int z = 0; z < 4; ++z) volume.values.push_back(static_cast<float>(x_sign > 0 ? x : 3 - x));
    const Figure figure = slices_figure(volume);
    EXPECT_EQ(test::unbalanced(figure.svg), "");
    EXPECT_NE(figure.svg.find("<path fill=\"#ffffff\" d=\"M3 3h1v1h-1z"), std::string::npos) << figure.svg;
    EXPECT_NE(figure.svg.find(">L</text>"), std::string::npos);
  }
}

TEST(BrainSlices, NamesNoSideWhereTheAffineSaysNothing) {
  const Figure figure = slices_figure({.grid = {2, 2, 2}, .affine = {}, .values = std::vector<float>(8, 1)});
  EXPECT_EQ(figure.svg.find(">L</text>"), std::string::npos);
  EXPECT_NE(figure.note.find("does not say"), std::string::npos);
  EXPECT_TRUE(slices_figure({.grid = {1, 1, 1}, .affine = {}, .values = {static_cast<float>(kNan)}}).svg.empty());
}

}  // namespace
}  // namespace brainmt::analysis
