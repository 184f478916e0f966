// What may be compared: runs, folders of evaluations and tables of others; leaks, duplicates and strangers are refused.
#include "analysis/compared_models.hpp"

#include <gtest/gtest.h>

#include "analysis/run_folder.hpp"
#include "base/error.hpp"
#include "support/expect_error.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;
using test::label_of;
using test::make_run;
using test::people;
using test::score_of;

class ComparedModelsTest : public testing::Test {
 protected:
  fs::path run(const std::string& name, const test::RunFolder& what = {}) { return make_run(directory_ / name, what); }

  fs::path table(const std::string& name, const std::string& content) {
    test::write_file(directory_ / name, content);
    return directory_ / name;
  }

  // Logits of these participants under this header.
  std::string logits(const std::vector<std::string>& ids) {
    std::string text = "participant_id,logit\n";
    for (const std::string& id : ids) text += fmt::format("{},{}\n", id, score_of(id, "sex", 1, 7));
    return text;
  }

  static ComparedModels read(const std::vector<std::string>& models) { return read_models({.models = models}); }

  void expect_refused(const std::string& table_text, std::initializer_list<std::string> words) {
    const std::string net = run("net"), theirs = table("theirs.csv", table_text);
    test::expect_error<DataError>([&] { read({net, theirs}); }, words);
  }

  test::TemporaryDirectory directory_;
};

TEST_F(ComparedModelsTest, ATableOfLogitsIsJoinedWithTheRunsLabels) {
  auto ids = people(25, 55);
  const ComparedModels all = read({run("net"), table("theirs.csv", logits(ids))});
  ASSERT_EQ(all.models.size(), 2u);
  EXPECT_EQ(all.models[0].name, "net");
  EXPECT_EQ(all.models[1].name, "theirs");
  EXPECT_EQ(all.targets, (std::vector<TargetKind>{{"sex", task::Task::kClassification}}));
  const auto [net, theirs] = aligned(all.models[0], all.models[1], "sex");
  ASSERT_EQ(net.size(), 1u);
  ASSERT_EQ(theirs.size(), 1u);
  EXPECT_EQ(net.begin()->second.size(), 30u);
  for (const std::string& id : ids) {
    EXPECT_EQ(theirs.begin()->second.at(id).truth, label_of(id, "sex"));
    EXPECT_NEAR(theirs.begin()->second.at(id).score, score_of(id, "sex", 1, 7), 1e-12);
  }
  EXPECT_EQ(overlap(all.models[0], all.models[1]), 0u);
}

TEST_F(ComparedModelsTest, MissingParticipantsAreCountedAndNamed) {
  const ComparedModels all = read({run("net"), table("theirs.csv", logits(people(28, 55)))});
  const ModelPredictions& theirs = all.models[1].targets.at("sex");
  EXPECT_EQ(theirs.missing, 3u);
  EXPECT_EQ(theirs.first_missing, people(25, 28));
  EXPECT_TRUE(all.models[1].notes.empty()) << "pages name nobody";
}

TEST_F(ComparedModelsTest, RefusesALeakedParticipant) {
  auto ids = people(25, 55);
  ids.push_back("sub-003");
  expect_refused(logits(ids), {"theirs.csv", "1 participant of the training or validation part", "split.json",
                               "sub-003", "line 32"});
  ids.back() = "sub-022";
  expect_refused(logits(ids), {"sub-022", "training or validation part"});
}

TEST_F(ComparedModelsTest, RefusesAParticipantThatIsThereTwice) {
  auto ids = people(25, 55);
  ids.insert(ids.begin() + 4, "sub-040");
  expect_refused(logits(ids), {"theirs.csv", "sub-040 is there twice, in lines 6 and 18"});
}

TEST_F(ComparedModelsTest, RefusesAStranger) {
  auto ids = people(25, 55);
  ids[2] = "sub-999";
  expect_refused(logits(ids), {"theirs.csv", "1 participant that", "does not know", "sub-999", "line 4"});
}

TEST_F(ComparedModelsTest, RowsOfOtherPartsAreLeftOutByTheirOwnWord) {
  std::string text = "participant_id\tsplit\tlogit\n";
  for (const std::string& id : people(0, 55))
    text += fmt::format("{}\t{}\t0.5\n", id, id < "sub-020" ? "train" : id < "sub-025" ? "val" : "test");
  const ComparedModels all = read({run("net"), table("theirs.tsv", text)});
  EXPECT_EQ(all.models[1].other_part, 25u);
  EXPECT_EQ(all.models[1].targets.at("sex").repeats.begin()->second.size(), 30u);
  text += "sub-001\ttest\t0.5\n";
  expect_refused(text, {"sub-001", "training or validation part"});
}

TEST_F(ComparedModelsTest, RefusesOtherLabels) {
  std::string text = "participant_id,y_true,logit\n";
  for (const std::string& id : people(25, 55))
    text += fmt::format("{},{},0.5\n", id, id == "sub-031" ? 1 - label_of(id, "sex") : label_of(id, "sex"));
  expect_refused(text, {"theirs.csv:8", "sub-031", "y_true"});
  // Two runs of ours, as with other confounds.
  const std::string age = run("age", {.targets = {"age"}}), other = run("other", {.targets = {"age"}});
  std::string table_text = "participant_id\tsplit\tn_windows\ty_true\ty_pred\tlogit\tprob\n";
  for (const std::string& id : people(25, 55))
    table_text +=
        fmt::format("{}\ttest\t1\t{}\t50\tn/a\tn/a\n", id, label_of(id, "age") + (id == "sub-030" ? 0.01 : 0));
  table("other/predictions.tsv", table_text);
  test::expect_error<DataError>([&] { read({age, other}); }, {"sub-030", "task.confounds"});
}

TEST_F(ComparedModelsTest, ZScoredPredictionsAreConvertedWithTheirLabels) {
  std::string z = "participant_id,y_true,y_pred\n", plain = "participant_id,y_pred\n";
  const auto z_of = [](double y) { return (y - 48.3) / 9.1; };
  for (const std::string& id : people(25, 55)) {
    z += fmt::format("{},{:.4f},{:.6f}\n", id, z_of(label_of(id, "age")), z_of(score_of(id, "age", 1, 7)));
    plain += fmt::format("{},{}\n", id, score_of(id, "age", 1, 7));
  }
  const std::string net = run("net", {.targets = {"age"}});
  const ComparedModels all = read({net, table("z.csv", z), table("plain.csv", plain)});
  for (const std::string& id : people(25, 55))
    for (const std::size_t model : {std::size_t{1}, std::size_t{2}}) {
      const Scored& one = all.models[model].targets.at("age").repeats.begin()->second.at(id);
      EXPECT_EQ(one.truth, label_of(id, "age"));
      EXPECT_NEAR(one.score, score_of(id, "age", 1, 7), 0.01) << "four printed digits of z";
    }
  ASSERT_EQ(all.models[1].notes.size(), 1u);
  EXPECT_NE(all.models[1].notes[0].find("other units"), std::string::npos);
  EXPECT_TRUE(all.models[2].notes.empty());
  // One label that is off the line is another label.
  const std::size_t line = z.find("sub-033");
  z.replace(line, z.find('\n', line) - line, "sub-033,0.1234,0");
  const std::string broken = table("broken.csv", z);
  test::expect_error<DataError>([&] { read({net, broken}); }, {"broken.csv", "y_true"});
}

TEST_F(ComparedModelsTest, ClassesMayBeProbabilitiesOrClasses) {
  std::string prob = "participant_id,y_pred\n", classes = prob, wrong = prob;
  for (const std::string& id : people(25, 55)) {
    const double score = score_of(id, "sex", 1, 7);
    prob += fmt::format("{},{}\n", id, 1 / (1 + std::exp(-score)));
    classes += fmt::format("{},{}\n", id, score >= 0 ? 1 : 0);
    wrong += fmt::format("{},{}\n", id, score);
  }
  const std::string net = run("net");
  const ComparedModels all = read({net, table("p.csv", prob), table("c.csv", classes)});
  for (const std::string& id : people(25, 55)) {
    const double score = score_of(id, "sex", 1, 7);
    EXPECT_NEAR(all.models[1].targets.at("sex").repeats.begin()->second.at(id).score, score, 1e-6);
    EXPECT_EQ(all.models[2].targets.at("sex").repeats.begin()->second.at(id).score, score >= 0 ? 1 : -1);
  }
  const std::string logits = table("wrong.csv", wrong);
  test::expect_error<DataError>([&] { read({net, logits}); }, {"wrong.csv", "column 'logit'"});
  const std::string nothing = table("nothing.csv", "participant_id,age\nsub-025,3\n");
  test::expect_error<DataError>([&] { read({net, nothing}); }, {"nothing.csv", "'y_pred', 'logit'"});
}

TEST_F(ComparedModelsTest, OneModelStandsBesideEverySeedOfAnother) {
  const std::string seeds = fmt::format("{},{}", run("a/1", {.seed = 1}).string(), run("a/2", {.seed = 2}).string());
  const ComparedModels all = read({seeds, run("ridge", {.seed = 9}), table("theirs.csv", logits(people(25, 55)))});
  EXPECT_EQ(all.models[0].name, "a") << "runs of one model are called after their folder";
  for (const std::size_t other : {std::size_t{1}, std::size_t{2}}) {
    const auto [net, single] = aligned(all.models[0], all.models[other], "sex");
    ASSERT_EQ(net.size(), 2u);
    ASSERT_EQ(single.size(), 2u);
    EXPECT_TRUE(net.contains(1) && net.contains(2) && single.contains(1));
    EXPECT_EQ(single.at(1).begin()->second.score, single.at(2).begin()->second.score);
  }
  EXPECT_EQ(aligned(all.models[1], all.models[2], "sex").first.size(), 1u) << "whatever their seeds";
  const std::string twice = fmt::format("{0},{0}", (directory_ / "ridge").string());
  test::expect_error<DataError>([&] { read({twice, seeds}); }, {"both have seed 9"});
}

TEST_F(ComparedModelsTest, FoldsArePooledAndATableSaysWhichOneARowBelongsTo) {
  std::vector<std::string> folds;
  std::string text = "participant_id,logit,fold\n", without = "participant_id,logit\n";
  for (int fold = 0; fold < 2; ++fold) {
    task::Split split{.plan = {.seed = 42, .folds = 2, .fold = fold},
                      .ids = {people(fold == 0 ? 30 : 0, fold == 0 ? 55 : 25), people(25, 30),
                              people(fold == 0 ? 0 : 30, fold == 0 ? 25 : 55)}};
    folds.push_back(run(fmt::format("fold{}", fold), {.split = split}));
    for (const std::string& id : split.of(task::Part::kTest)) {
      text += fmt::format("{},0.5,{}\n", id, fold);
      without += fmt::format("{},0.5\n", id);
    }
  }
  const std::string net = folds[0] + "," + folds[1];
  const ComparedModels all = read({net, table("theirs.csv", text)});
  const auto [of_net, theirs] = aligned(all.models[0], all.models[1], "sex");
  EXPECT_EQ(of_net.begin()->second.size(), 50u);
  EXPECT_EQ(theirs.begin()->second.size(), 50u);
  EXPECT_EQ(overlap(all.models[0], all.models[1]), 0u) << "folds of one partition";
  const std::string unclear = table("without.csv", without);
  test::expect_error<DataError>([&] { read({net, unclear}); }, {"without.csv", "'fold'"});
  const std::string third = table("third.csv", "participant_id,logit,fold\nsub-001,0.5,7\n");
  test::expect_error<DataError>([&] { read({net, third}); }, {"third.csv:2", "fold 7"});
}

TEST_F(ComparedModelsTest, OtherSplitsThatOverlapAreRefusedUnlessAllowed) {
  // Equal sets of participants, so that the hash in split.json is the same.
  const task::Split other{.plan = {.seed = 42}, .ids = {people(10, 30), people(5, 10), [] {
                                                          auto ids = people(0, 5);
                                                          for (const std::string& id : people(30, 55))
                                                            ids.push_back(id);
                                                          return ids;
                                                        }()}};
  const std::string net = run("net"), second = run("second", {.split = other});
  test::expect_error<DataError>(
      [&] {
        read({net, second});
      },
      {"net and second: 10 participants", "allow_overlap=true"});
  const ComparedModels all = read_models({.models = {net, second}, .allow_overlap = true});
  EXPECT_EQ(overlap(all.models[0], all.models[1]), 10u) << "25 to 29 and 0 to 4";
  EXPECT_EQ(aligned(all.models[0], all.models[1], "sex").first.begin()->second.size(), 30u);
}

TEST_F(ComparedModelsTest, TablesAloneBringTheirLabels) {
  std::string first = "participant_id,y_true,logit\n", second = "participant_id,y_true,y_pred\n";
  for (const std::string& id : people(25, 55)) {
    first += fmt::format("{},{},0.5\n", id, label_of(id, "sex"));
    second += fmt::format("{},{},0.25\n", id, label_of(id, "sex"));
  }
  const std::string a = table("a.csv", first), b = table("b.csv", second);
  const ComparedModels all = read({a, b});
  EXPECT_EQ(all.targets, (std::vector<TargetKind>{{"y", task::Task::kClassification}}));
  EXPECT_FALSE(all.models[0].notes.empty()) << "no split is known";
  task::save_split(test::usual_split(), directory_ / "split.json");
  EXPECT_TRUE(read_models({.models = {a, b}, .split_file = directory_ / "split.json"}).models[0].notes.empty());
  const std::string leak = table("leak.csv", first + "sub-001,1,0.5\n");
  test::expect_error<DataError>(
      [&] {
        read_models({.models = {a, leak}, .split_file = directory_ / "split.json"});
      },
      {"sub-001"});
}

TEST_F(ComparedModelsTest, EveryTargetOfMultitaskIsRead) {
  const std::string net = run("net", {.targets = {"sex", "age"}}), sex = run("sex");
  std::string text = "participant_id,target,y_pred,logit\n";
  for (const std::string& id : people(25, 55)) text += fmt::format("{0},sex,,0.5\n{0},age,44,\n", id);
  const ComparedModels all = read({net, sex, table("theirs.csv", text)});
  EXPECT_EQ(all.targets.size(), 2u);
  EXPECT_EQ(aligned(all.models[0], all.models[2], "age").second.begin()->second.at("sub-030").score, 44);
  EXPECT_EQ(aligned(all.models[0], all.models[2], "sex").second.begin()->second.at("sub-030").score, 0.5);
  EXPECT_TRUE(aligned(all.models[0], all.models[1], "age").first.empty());
  const std::string nearly = table("nearly.csv", "participant_id,target,y_pred\nsub-025,agee,44\n");
  test::expect_error<DataError>([&] { read({net, nearly}); }, {"nearly.csv:2", "did you mean 'age'"});
  const std::string none = table("none.csv", "participant_id,y_pred\nsub-025,44\n");
  test::expect_error<DataError>([&] { read({net, none}); }, {"none.csv:2", "column 'target'"});
}

TEST_F(ComparedModelsTest, SaysWhatIsMissing) {
  const std::string net = run("net");
  fs::create_directories(directory_ / "new");
  test::write_file(directory_ / "new" / "config.yaml", "task: classification\n");
  const std::string unevaluated = directory_ / "new", nothing = directory_ / "nothing";
  test::expect_error<DataError>([&] { read({net, unevaluated}); }, {"new", "brainmt evaluate run.dir="});
  test::expect_error<DataError>([&] { read({net, nothing}); }, {"nothing", "run directory"});
  test::expect_error<UsageError>(
      [&] {
        read_models({.models = {net, net}, .names = {"one"}});
      },
      {"1 names for 2 models"});
}

}  // namespace
}  // namespace brainmt::analysis
