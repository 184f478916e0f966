// The tables and pages of a comparison: every number is the one of the paired tests; baselines beside a run are found.
#include "analysis/comparison.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "analysis/blocks.hpp"
#include "analysis/comparison_figures.hpp"
#include "analysis/markup.hpp"
#include "analysis/report.hpp"
#include "analysis/run_folder.hpp"
#include "analysis/shown_numbers.hpp"
#include "base/error.hpp"
#include "support/expect_error.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;
using test::make_run;

std::vector<std::vector<std::string>> cells_of(const std::string& table) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    auto& row = rows.emplace_back();
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, '\t');) row.push_back(field);
  }
  return rows;
}

void expect_whole(const std::string& text) {
  EXPECT_EQ(test::unbalanced(text), "");
  std::smatch found;
  EXPECT_FALSE(std::regex_search(text, found, std::regex(R"([^a-z\-]-?(nan|inf)\b)"))) << found.str();
  EXPECT_EQ(text.find("sub-0"), std::string::npos) << "a participant is named";
}

class ComparisonTest : public testing::Test {
 protected:
  ModelComparison compare(const std::vector<std::string>& models, ComparisonSettings settings = {}) {
    settings.resampling.resamples = settings.resampling.permutations = 200;
    return compare_models(read_models({.models = models}), settings);
  }
  std::string run(const std::string& name, const test::RunFolder& what) { return make_run(directory_ / name, what); }

  test::TemporaryDirectory directory_;
};

TEST_F(ComparisonTest, TablesHoldTheNumbersOfThePairedTests) {
  const ModelComparison all =
      compare({run("net", {.noise = 3}), run("ridge", {.noise = 1, .seed = 5}), run("krr", {.noise = 1.5, .seed = 6})},
              {.reference = "ridge"});
  const auto rows = cells_of(comparison_table(all));
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0][0] + rows[0][1] + rows[0][11] + rows[0][12], "abp_holmmethod");
  std::vector<double> p;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const PairScore& pair = all.targets[0].pairs[r - 1];
    const auto [a, b] = aligned(all.models.models[pair.a], all.models.models[pair.b], "sex");
    const Comparison c = analysis::compare(a, b, "auroc", task::Task::kClassification, all.resampling);
    EXPECT_EQ(rows[r][7], fmt::format("{}", c.difference.value));
    EXPECT_EQ(rows[r][8], fmt::format("{}", c.difference.low));
    EXPECT_EQ(rows[r][10], fmt::format("{}", c.p));
    EXPECT_EQ(rows[r][13], fmt::format("{}", c.p_delong));
    EXPECT_NEAR(std::stod(rows[r][5]) - std::stod(rows[r][6]), c.difference.value, 1e-15);
    p.push_back(c.p);
  }
  for (std::size_t r = 1; r < rows.size(); ++r) EXPECT_EQ(rows[r][11], fmt::format("{}", holm(p)[r - 1]));
  EXPECT_EQ(rows[1][0] + " " + rows[1][1], "net ridge") << "minus the reference";
  EXPECT_EQ(rows[3][0] + " " + rows[3][1], "krr ridge");
  const auto models = cells_of(models_table(all));
  ASSERT_EQ(models.size(), 1 + 3 * 4u);
  EXPECT_EQ(models[1][0] + models[1][2], "netauroc");
  EXPECT_EQ(models[1][6], "30");
  EXPECT_EQ(compare({directory_ / "net", directory_ / "ridge", directory_ / "krr"}, {.all_pairs = false})
                .targets[0]
                .pairs.size(),
            2u);
}

TEST_F(ComparisonTest, ThePageSaysWhatIsBestAndDrawsEveryModel) {
  const ModelComparison all =
      compare({run("net", {.targets = {"sex", "age"}, .noise = 3}),
               run("a name that is much longer than the forest plot is wide", {.targets = {"sex", "age"}, .seed = 5}),
               run("sex only", {.noise = 2, .seed = 8})});
  const std::string page = comparison_page(all, "end of page");
  expect_whole(page);
  for (const char* part : {"predicts sex best", "Bland–Altman", "ROC curve", "who is right", "AUROC of each model",
                           "Correlation r of each model", "Difference from net", "(test part)", "end of page"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  const ModelScore* score = all.targets[0].score(1);
  ASSERT_NE(score, nullptr);
  EXPECT_NE(page.find(fmt::format("{} {}", shown(score->estimate.value), shown_interval(score->estimate))),
            std::string::npos);
  EXPECT_EQ(all.targets[1].score(2), nullptr) << "it predicts no age";
  EXPECT_EQ(comparison_page(all, "x"), comparison_page(all, "x"));
  EXPECT_NE(comparison_text(all).find("minus net"), std::string::npos);
}

TEST_F(ComparisonTest, EqualBestModelsAreNamedTogetherAndWidthlessIntervalsAreNoPrecision) {
  const ModelComparison all = compare({run("krr", {.noise = 0}), run("logistic", {.noise = 0, .seed = 5}),
                                       run("net", {.noise = 50, .seed = 6}), run("other", {.noise = 60, .seed = 8})});
  const std::string text = verdict(all, all.targets[0]);
  EXPECT_NE(
      text.find("krr and logistic predict sex equally well: AUROC 1.000 [1.000, 1.000]. They differ from every other"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("[1.000, 1.000]: no resample differs; with n = 30 that is not precision."), std::string::npos);
  EXPECT_EQ(text.find("chance"), std::string::npos) << text;
  EXPECT_NE(comparison_text(all).find(text), std::string::npos) << "the terminal says it too";
  const std::string page = comparison_page(all, "end");
  EXPECT_NE(page.find("stroke-dasharray=\"9 9\""), std::string::npos) << "the second of two equal curves";
  EXPECT_NE(page.find("neither"), std::string::npos);
}

TEST_F(ComparisonTest, AModelWithoutAValueIsNotComparedAndTwoModelsHaveNoEveryOther) {
  const std::string constant = run("mean", {.targets = {"age"}, .seed = 5});
  std::string table = "participant_id\tsplit\tn_windows\ty_true\ty_pred\tlogit\tprob\n";
  for (const std::string& id : test::people(25, 55))
    table += fmt::format("{}\ttest\t1\t{}\t50\tn/a\tn/a\n", id, test::label_of(id, "age"));
  test::write_file(fs::path(constant) / "predictions.tsv", table);
  const std::string good = run("krr", {.targets = {"age"}, .noise = 0.2});
  const ModelComparison both = compare({good, constant});
  EXPECT_EQ(
      verdict(both, both.targets[0]),
      fmt::format("krr predicts age best: Correlation r {} {}. mean has no pearson_r and is not compared.",
                  shown(both.targets[0].score(0)->estimate.value), shown_interval(both.targets[0].score(0)->estimate)));
  const ModelComparison two = compare({good, run("net", {.targets = {"age"}, .noise = 80, .seed = 7})});
  const std::string text = verdict(two, two.targets[0]);
  EXPECT_NE(text.find("It differs from the other, net (Holm's p = "), std::string::npos) << text;
}

TEST_F(ComparisonTest, AnIntervalThatIncludesChanceIsSaid) {
  const ModelComparison all = compare({run("a", {.noise = 500, .seed = 3}), run("b", {.noise = 500, .seed = 4})});
  for (const std::size_t m : {0u, 1u}) ASSERT_LT(all.targets[0].score(m)->estimate.low, 0.5);
  const std::string text = verdict(all, all.targets[0]);
  EXPECT_NE(text.find("Its interval includes chance: nothing here is shown to predict sex. It does not differ"),
            std::string::npos)
      << text;
}

TEST_F(ComparisonTest, AFolderNamedAsTheTargetIsCalledAfterItsModel) {
  const std::string net = run("sex", {}), other = run("krr", {.seed = 5});
  EXPECT_EQ(read_models({.models = {net, other}}).models[0].name, "sex (model)");
  test::write_file(fs::path(net) / "config.yaml",
                   "run:\n  seed: 42\nmodel:\n  family: brainmt\ntask: classification\n");
  const ComparedModels models = read_models({.models = {net, other}});
  EXPECT_EQ(models.models[0].name, "BrainMT (sex)");
  EXPECT_EQ(models.models[1].name, "krr");
  EXPECT_EQ(read_models({.models = {net, other}, .names = {"sex", "b"}}).models[0].name, "sex")
      << "as it was asked for";
  EXPECT_EQ(compare({other, net}, {.reference = "sex"}).reference, 1u);
}

TEST(ShownNumbers, TerminalTablesRoundAndDoNotCut) {
  EXPECT_EQ(fixed(0.67046), "0.670");
  EXPECT_EQ(fixed(1), "1.000");
  EXPECT_EQ(fixed(-0.0001), "0.000");
  EXPECT_EQ(fixed(std::nan("")), "n/a");
  EXPECT_EQ(fixed_p(0.000999), "0.001");
  EXPECT_EQ(fixed_p(0.0005), "0.001");
  EXPECT_EQ(fixed_p(0.0004), "<0.001");
  EXPECT_EQ(fixed_p(std::nan("")), "n/a");
}

TEST_F(ComparisonTest, OneSplitsFamiliesAreBlocks) {
  std::string table = "participant_id\tFamily_ID\n";
  for (int i = 25; i < 55; ++i) table += fmt::format("sub-{:03}\tf{}\n", i, i / 2);
  test::write_file(directory_ / "families.tsv", table);
  const Blocks blocks = blocks_of(fs::path(directory_ / "families.tsv"), "Family_ID");
  EXPECT_EQ(blocks.size(), 30u);
  ComparisonSettings settings{.blocks = "Family_ID"};
  settings.resampling.blocks = blocks;
  const ModelComparison all = compare({run("net", {.noise = 3}), run("ridge", {.seed = 5})}, settings);
  EXPECT_EQ(cells_of(comparison_table(all))[1][15], "16");
  test::expect_error<DataError>([&] { blocks_of(fs::path(directory_ / "families.tsv"), "Famly_ID"); }, {"Family_ID"});
  test::write_file(directory_ / "two.tsv", "participant_id\tfamily\na\tx\na\ty\n");
  test::expect_error<DataError>([&] { blocks_of(fs::path(directory_ / "two.tsv"), "family"); }, {"participant a"});
}

TEST_F(ComparisonTest, RefusesWhatItDoesNotKnow) {
  const std::string net = run("net", {}), ridge = run("ridge", {.seed = 5});
  test::expect_error<UsageError>([&] { compare({net, ridge}, {.metric = "mae"}); }, {"metric=mae", "auroc"});
  test::expect_error<UsageError>([&] { compare({net, ridge}, {.reference = "rigde"}); }, {"did you mean 'ridge'"});
  const std::string age = run("age", {.targets = {"age"}});
  test::expect_error<DataError>([&] { compare({net, age}); }, {"nothing to compare"});
}

TEST(ComparisonFigures, AgreementIsThatOfTheHand) {
  const std::vector<BothPredictions> people{{1, 3, 1}, {2, 4, 4}, {3, 8, 4}};
  const Agreement agreement = agreement_of(people);
  EXPECT_DOUBLE_EQ(agreement.mean, 2);
  EXPECT_DOUBLE_EQ(agreement.sd, 2);
  const Table table = agreement_table({{1, 1, 1}, {0, -1, 1}, {1, 2, -1}, {0, 1, 1}, {1, 1, 1}}, "a", "b");
  EXPECT_EQ(table.rows[0][1] + table.rows[1][1] + table.rows[2][1] + table.rows[3][1], "2201");
}

// RUN/baselines/<model>/ of the same split.
class BaselinesBesideARun : public ComparisonTest {
 protected:
  std::string page(const std::vector<std::string>& names) {
    std::vector<RunRecord> runs;
    for (const std::string& name : names) runs.push_back(read_run(directory_ / name));
    return report_page(runs, {.title = "", .bins = 5, .program = "end"});
  }
};

TEST_F(BaselinesBesideARun, AWinnerIsTheFirstThingThatTheReportSays) {
  run("net", {.noise = 3});
  run("net/baselines/krr", {.noise = 0.3, .seed = 5});
  run("net/baselines/mean", {.noise = 50, .seed = 6});
  const std::string text = page({"net"});
  expect_whole(text);
  const std::size_t sentence =
      text.find("A baseline predicts sex better than this model: kernel ridge on connectivity, AUROC");
  ASSERT_NE(sentence, std::string::npos);
  EXPECT_LT(sentence, text.find("<h2>"));
  EXPECT_NE(text.find("Beside the baselines"), std::string::npos);
  EXPECT_NE(text.find("training mean"), std::string::npos);
  EXPECT_EQ(text.find("brainmt baseline"), std::string::npos) << "they are there";
  // The numbers of the pair.
  const auto both = read_models({.models = {directory_ / "net", directory_ / "net/baselines/krr"}});
  const auto [net, krr] = aligned(both.models[0], both.models[1], "sex");
  const Comparison c = analysis::compare(krr, net, "auroc", task::Task::kClassification, {});
  EXPECT_NE(text.find(fmt::format("difference {} {}", shown(c.difference.value), shown_interval(c.difference))),
            std::string::npos);
}

TEST_F(BaselinesBesideARun, EqualWinnersAreNamedTogether) {
  run("net", {.noise = 30});
  run("net/baselines/krr", {.noise = 0, .seed = 5});
  run("net/baselines/logistic", {.noise = 0, .seed = 6});
  const std::string text = page({"net"});
  EXPECT_NE(text.find("Baselines predict sex better than this model: kernel ridge on connectivity and logistic "
                      "regression on connectivity, AUROC 1.000 against"),
            std::string::npos);
  EXPECT_NE(text.find("Holm's p = "), std::string::npos);
  EXPECT_NE(text.find("p by permutation (two-sided), Holm over 2 baselines. [1.000, 1.000]: no resample differs"),
            std::string::npos);
}

TEST_F(BaselinesBesideARun, ABaselinesOwnReportSaysNothingOfNetworks) {
  run("krr", {.noise = 1});
  EXPECT_NE(page({"krr"}).find("brainmt baseline run.dir="), std::string::npos);
  test::write_file(directory_ / "krr/baseline.json", "{}");
  const std::string text = page({"krr"});
  expect_whole(text);
  for (const char* part : {"brainmt baseline run.dir=", "No step is logged yet", ">Steps<", "<h2>Training</h2>"})
    EXPECT_EQ(text.find(part), std::string::npos) << part;
}

TEST_F(BaselinesBesideARun, NothingIsSaidWhereTheModelWins) {
  run("net", {.noise = 0.1});
  run("net/baselines/krr", {.noise = 3, .seed = 5});
  const std::string text = page({"net"});
  EXPECT_EQ(text.find("A baseline predicts"), std::string::npos);
  EXPECT_NE(text.find("kernel ridge on connectivity"), std::string::npos);
}

TEST_F(BaselinesBesideARun, ThoseOfAnotherSplitDoNotCount) {
  run("net", {.noise = 3});
  task::Split other = test::usual_split();
  std::swap(other.ids[0][0], other.ids[2][0]);
  for (auto& ids : other.ids) std::ranges::sort(ids);
  run("net/baselines/krr", {.noise = 0.3, .seed = 5, .split = other});
  EXPECT_TRUE(baselines_of(directory_ / "net", "test").empty());
  const std::string text = page({"net"});
  EXPECT_EQ(text.find("A baseline predicts"), std::string::npos);
  EXPECT_NE(text.find("brainmt baseline run.dir="), std::string::npos) << "how to make them";
  // A damaged one does not hide the others.
  run("net/baselines/ridge", {.noise = 0.3, .seed = 5});
  run("net/baselines/broken", {});
  test::write_file(directory_ / "net/baselines/broken/metrics.json", "{");
  ASSERT_EQ(baselines_of(directory_ / "net", "test").size(), 1u);
  EXPECT_EQ(baselines_of(directory_ / "net", "test")[0].title, "ridge on connectivity");
}

TEST_F(BaselinesBesideARun, SeveralRunsNameTheirs) {
  run("net", {.noise = 3});
  run("net/baselines/krr", {.noise = 0.3, .seed = 5});
  run("second", {.noise = 2, .seed = 9});
  const std::string text = page({"net", "second"});
  expect_whole(text);
  EXPECT_NE(text.find("A baseline predicts sex better than net"), std::string::npos);
}

}  // namespace
}  // namespace brainmt::analysis
