// Sources in their order, errors that name key, expectation and finding, and the round trip through --cfg.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/config.hpp"
#include "config/keys.hpp"
#include "run/schemas.hpp"
#include "support/expect_error.hpp"
#include "support/source_root.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::config {
namespace {

using run::evaluate_schema, run::train_schema;
namespace fs = std::filesystem;
using Ints = std::vector<std::int64_t>;

const std::vector<fs::path> kConfigs{test::source_root() / "configs"};

Config from_overrides(const Schema& schema, std::vector<std::string> overrides) {
  return resolve(schema, {.file = {}, .overrides = std::move(overrides), .directories = kConfigs});
}

class ConfigFile : public testing::Test {
 protected:
  Config from_text(const std::string& text, std::vector<std::string> overrides = {}) {
    std::ofstream(path()) << text;
    return resolve(train_schema(), {.file = path(), .overrides = std::move(overrides), .directories = kConfigs});
  }
  std::string path() const { return (directory_.path() / "given.yaml").string(); }

 private:
  test::TemporaryDirectory directory_;
};

TEST(Config, DefaultsAreThePapersSettings) {
  const Config config(train_schema());
  EXPECT_EQ(config.get<double>("optimizer.lr"), 2e-4);
  EXPECT_EQ(config.get<double>("optimizer.weight_decay"), 0.05);
  EXPECT_EQ(config.get<int>("run.epochs"), 20);
  EXPECT_EQ(config.get<Ints>("model.depth"), (Ints{12, 8}));
  EXPECT_EQ(config.origin("optimizer.lr"), Origin::kDefault);
}

TEST(Config, OverridesAreTypedAndTheLastOneWins) {
  const Config config = from_overrides(train_schema(), {"model.depth=[4,2]", "optimizer.lr=1e-4",
                                                        "model.bidirectional=false", "run.dir=a", "run.dir='b c'"});
  EXPECT_EQ(config.get<Ints>("model.depth"), (Ints{4, 2}));
  EXPECT_EQ(config.get<double>("optimizer.lr"), 1e-4);
  EXPECT_FALSE(config.get<bool>("model.bidirectional"));
  EXPECT_EQ(config.get<std::string>("run.dir"), "b c");
  EXPECT_EQ(config.origin("optimizer.lr"), Origin::kOverride);
  EXPECT_TRUE(config.is_set("run.dir"));
  EXPECT_FALSE(config.is_set("run.epochs"));
}

TEST(Config, FillsKeysThatWereNotGivenFromAnother) {
  const Config run = from_overrides(train_schema(), {"run.seed=7", "data.cohort=a.h5", "eval.stride=3"});
  Config own = from_overrides(evaluate_schema(), {"run.dir=runs/a", "data.cohort=b.h5"});
  own.fill_from(run);
  EXPECT_EQ(own.get<std::string>("data.cohort"), "b.h5") << "given here";
  EXPECT_EQ(own.get<std::int64_t>("run.seed"), 7);
  EXPECT_EQ(own.get<std::int64_t>("eval.stride"), 3);
  EXPECT_EQ(own.get<std::string>("split"), "test") << "no key of training";
  EXPECT_FALSE(own.is_set("precision")) << "given in neither";
}

// Shells expand ~ at the start of a word only, so it is our part, also within lists.
TEST(Config, HomeFoldersAreExpandedWhereverAPathMayStand) {
  const char* const home = std::getenv("HOME");
  ASSERT_NE(home, nullptr);
  const Config sweep = from_overrides(sweep_schema(), {"launcher=[~/bin/mpirun,--bind-to,none,a~b]", "out=~/sweeps"});
  EXPECT_EQ(sweep.get<std::vector<std::string>>("launcher"),
            (std::vector<std::string>{std::string(home) + "/bin/mpirun", "--bind-to", "none", "a~b"}));
  EXPECT_EQ(sweep.get<std::string>("out"), std::string(home) + "/sweeps");
  const Config prepare = from_overrides(prepare_schema(), {"mask=~/masks/{subject}.nii.gz"});
  EXPECT_EQ(prepare.get<std::string>("mask"), std::string(home) + "/masks/{subject}.nii.gz");
  test::expect_error<UsageError>([] { from_overrides(sweep_schema(), {"launcher=[~no-such-user/mpirun]"}); },
                                 {"launcher", "no user"});
}

TEST(Config, AWordInsteadOfAListIsNamedWhereItIsMisspelt) {
  const auto set = [](const std::string& value) { from_overrides(train_schema(), {"task.weights=" + value}); };
  EXPECT_NO_THROW(set("auto"));
  for (const char* value : {"[auto]", "AUTO", "automatic", "1", "[1,-2]"})
    test::expect_error<UsageError>([&] { set(value); }, {"task.weights", "auto", value});
}

TEST(Config, KeysOfAnotherFamilyAreRefusedByTheirGroup) {
  const auto resolved = [](std::vector<std::string> given) { from_overrides(train_schema(), std::move(given)); };
  test::expect_error<UsageError>(
      [&] {
        resolved({"model=small", "model.family=brainnetcnn"});
      },
      {"small.yaml", "model.stem (of model=small)", "family brainnetcnn (command line",
       "found one of brainmt: leave model=small out"});
  test::expect_error<UsageError>(
      [&] {
        resolved({"model=brainnetcnn", "model.depth=[2,2]"});
      },
      {"command line: model.depth: expected", "family brainnetcnn (model=brainnetcnn)", "leave model.depth out"});
  test::expect_error<UsageError>([&] { resolved({"model.e2e=[32,64]"}); },
                                 {"command line: model.e2e: expected", "family brainmt (the default)"});
  test::expect_error<UsageError>([&] { resolved({"model=brainnetcnn", "model.dept=[2,2]"}); }, {"unknown key"});
}

TEST(Config, GroupIsAppliedBeforeOverridesWhereverItStands) {
  const Config config = from_overrides(train_schema(), {"model.num_frames=7", "model=small"});
  EXPECT_EQ(config.get<int>("model.num_frames"), 7);
  EXPECT_EQ(config.get<int>("model.embed_dim"), 32);
  EXPECT_EQ(config.origin("model.embed_dim"), Origin::kGroup);
}

TEST(Config, ModelGroupBrainmtEqualsTheDefaults) {
  EXPECT_EQ(from_overrides(train_schema(), {"model=brainmt"}).to_yaml(), Config(train_schema()).to_yaml());
}

TEST(Config, EveryShippedFileIsValid) {
  int files = 0;
  for (const auto& file : fs::directory_iterator(kConfigs.front())) {
    if (file.path().extension() != ".yaml") continue;
    const Config config = resolve(train_schema(), {.file = file.path().filename().stem().string(),
                                                   .overrides = {"run.dir=r", "data.cohort=c.h5"},
                                                   .directories = kConfigs});
    EXPECT_NO_THROW(config.validate()) << file.path();
    ++files;
  }
  EXPECT_GE(files, 4);
}

TEST_F(ConfigFile, NestedAndDottedKeysMeanTheSame) {
  const Config config = from_text("model: {depth: [3, 1]}\noptimizer.lr: 1e-3\ntask: regression\ntask.target: age\n");
  EXPECT_EQ(config.get<Ints>("model.depth"), (Ints{3, 1}));
  EXPECT_EQ(config.get<double>("optimizer.lr"), 1e-3);
  EXPECT_EQ(config.get<std::string>("task.target"), "age");
  EXPECT_EQ(config.origin("optimizer.lr"), Origin::kFile);
}

TEST_F(ConfigFile, SourcesOverruleEachOtherInOrder) {
  const std::string text = "model: small\nmodel.num_frames: 9\nrun: {epochs: 3}\n";
  const Config config = from_text(text, {"run.epochs=4"});
  EXPECT_EQ(config.get<int>("model.embed_dim"), 32);  // the file's group
  EXPECT_EQ(config.get<int>("model.num_frames"), 9);  // the file's key over its group
  EXPECT_EQ(config.get<int>("run.epochs"), 4);        // the override over the file
  // A group chosen on the command line overrules the file, its keys included.
  EXPECT_EQ(from_text(text, {"model=brainmt"}).get<int>("model.num_frames"), 200);
}

TEST_F(ConfigFile, PrintedConfigurationReadsBackTheSame) {
  const Config config =
      from_overrides(train_schema(), {"model=small", "run.dir=it's \"mine\" # x", "optimizer.lr=3.3e-5",
                                      "task=classification", "task.target=sex", "data.io=collective"});
  for (const bool comments : {false, true}) {
    const Config again = from_text(config.to_yaml(comments));
    EXPECT_EQ(again.to_yaml(), config.to_yaml());
  }
}

TEST_F(ConfigFile, IdentityIgnoresLimitsAndPaths) {
  const std::string first = from_overrides(train_schema(), {"run.max_steps=5", "run.dir=a"}).identity();
  EXPECT_EQ(first, from_overrides(train_schema(), {"run.dir=b", "comm.bucket_mb=1"}).identity());
  EXPECT_NE(first, from_overrides(train_schema(), {"optimizer.lr=1"}).identity());
}

// Runs of versions without the key have an identity without it, and must continue.
TEST_F(ConfigFile, IdentityOfAnEarlierRunLacksKeysThatCameLater) {
  const auto identity = [&](const std::string& more) { return from_overrides(train_schema(), {more}).identity(); };
  EXPECT_EQ(identity("model.stem=conv").find("stem"), std::string::npos);
  EXPECT_NE(identity("model.stem=patch").find("  stem: patch\n"), std::string::npos);
  EXPECT_NE(from_overrides(train_schema(), {}).to_yaml().find("  stem: conv\n"), std::string::npos);
}

TEST_F(ConfigFile, BrokenFilesNameFileAndLine) {
  test::expect_error<UsageError>([&] { from_text("run: {epochs: 3\n"); }, {"given.yaml", "not YAML"});
  test::expect_error<UsageError>([&] { from_text("run:\n  epochs: 3\n  epochs: 4\n"); },
                                 {"given.yaml:3", "run.epochs", "twice"});
  test::expect_error<UsageError>([&] { from_text("run:\n  epochs:\n"); }, {"run.epochs", "a value"});
  test::expect_error<UsageError>([&] { from_text("- 1\n"); }, {"a map of keys"});
  test::expect_error<UsageError>([&] { from_text("model: {depth: [[1], 2]}\n"); }, {"model.depth"});
  test::expect_error<UsageError>([&] { from_text("optimizer: 3\n"); }, {"'optimizer' is a section"});
  test::expect_error<UsageError>([&] { from_text("optimizer: {lrr: 3}\n"); },
                                 {"given.yaml", "optimizer.lrr", "'optimizer.lr'"});
  test::expect_error<UsageError>(
      [&] { resolve(train_schema(), {.file = "no_such", .overrides = {}, .directories = kConfigs}); },
      {"no_such", "no such file"});
}

TEST(Config, WrongOverridesNameKeyExpectedAndFound) {
  const struct {
    const char* text;
    std::vector<std::string> named;
  } cases[] = {
      {"optimzer.lr=1", {"optimzer.lr", "did you mean 'optimizer.lr'"}},
      {"lr=1", {"did you mean 'optimizer.lr'"}},
      {"optimizer.lr=fast", {"optimizer.lr", "finite number", "'fast'"}},
      {"optimizer.lr=0", {"optimizer.lr", "number > 0", "'0'"}},
      {"run.epochs=2.5", {"run.epochs", "integer", "'2.5'"}},
      {"run.epochs=0", {"run.epochs", ">= 1"}},
      {"precision=fp16", {"precision", "fp32|bf16", "'fp16'"}},
      {"model.depth=[1]", {"model.depth", "list of 2"}},
      {"model.depth=12", {"model.depth", "list such as [1,2]"}},
      {"model=smal", {"model=smal", "did you mean 'small'"}},
      {"model=large", {"model=large", "brainmt, brainmt_released, brainnetcnn, small"}},
      {"model=[a]", {"one name"}},
      {"run.dir", {"key=value"}},
      {"=3", {"key=value"}},
      {"model.depth=[1,2", {"closing bracket"}},
  };
  for (const auto& [text, named] : cases) {
    try {
      from_overrides(train_schema(), {text});
      ADD_FAILURE() << text << " was accepted";
    } catch (const UsageError& error) {
      for (const std::string& part : named)
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

TEST(Config, RulesBetweenKeys) {
  const std::vector<std::string> base{"run.dir=r", "data.cohort=c", "task=regression", "task.target=age"};
  const auto validate = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    from_overrides(train_schema(), more).validate();
  };
  EXPECT_NO_THROW(validate({}));
  test::expect_error<UsageError>([&] { validate({"model.embed_dim=12"}); }, {"model.embed_dim", "multiple of 8"});
  test::expect_error<UsageError>([&] { validate({"model.embed_dim=32", "model.num_heads=3"}); }, {"model.num_heads=3"});
  test::expect_error<UsageError>([&] { validate({"data.split_fractions=[0.5,0.2,0.2]"}); }, {"sum of 1"});
  test::expect_error<UsageError>([&] { validate({"run.epochs=2"}); }, {"scheduler.warmup_epochs"});
  test::expect_error<UsageError>([&] { validate({"optimizer.betas=[0.9,1]"}); }, {"below 1"});
  test::expect_error<UsageError>([&] { from_overrides(train_schema(), {"run.dir=r"}).validate(); }, {"data.cohort"});
  test::expect_error<UsageError>([&] { from_overrides(evaluate_schema(), {}).validate(); }, {"run.dir", "weights"});
  test::expect_error<UsageError>(
      [&] {
        from_overrides(prepare_schema(), {"input=a", "output=b.h5", "layout=flat", "pattern=x{subject}"}).validate();
      },
      {"pattern conflicts"});
}

TEST(Config, RulesOfTargetsAndFolds) {
  const auto validate = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"run.dir=r", "data.cohort=c"});
    from_overrides(train_schema(), more).validate();
  };
  const auto multitask = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"task=multitask", "task.targets=[sex,31-0.0]"});
    validate(more);
  };
  EXPECT_NO_THROW(multitask({}));
  EXPECT_NO_THROW(multitask({"task.kinds=[auto,classification]", "task.weights=[1,0.5]", "task.positive=['',2]"}));
  EXPECT_NO_THROW(validate({"task=classification", "task.target=group", "task.positive=patient"}));
  test::expect_error<UsageError>([&] { validate({"task=multitask"}); }, {"task.targets"});
  test::expect_error<UsageError>([&] { validate({"task=regression"}); }, {"'train' needs task.target="});
  test::expect_error<UsageError>([&] { multitask({"task.target=age"}); }, {"task.targets", "task.target"});
  test::expect_error<UsageError>(
      [&] {
        validate({"task=regression", "task.target=a", "task.targets=[b]"});
      },
      {"task=multitask"});
  test::expect_error<UsageError>([&] { multitask({"task.kinds=[auto]"}); }, {"task.kinds", "2 targets", "found 1"});
  test::expect_error<UsageError>([&] { multitask({"task.kinds=[auto,ordinal]"}); }, {"'ordinal'"});
  test::expect_error<UsageError>([&] { multitask({"task.weights=[1,0]"}); }, {"task.weights", "> 0"});
  test::expect_error<UsageError>([&] { validate({"task=multitask", "task.targets=[a,a]"}); }, {"'a'", "twice"});

  const auto folds = [&](const std::string& count, const std::string& fold) {
    validate({"task=regression", "task.target=age", "data.folds=" + count, "data.fold=" + fold});
  };
  EXPECT_NO_THROW(folds("5", "0"));
  EXPECT_NO_THROW(folds("5", "4"));
  test::expect_error<UsageError>([&] { folds("5", "5"); }, {"data.fold=0 to 4", "found 5"});
  test::expect_error<UsageError>([&] { folds("5", "-1"); }, {"data.fold"});
  test::expect_error<UsageError>([&] { folds("1", "0"); }, {"data.folds=1"});
  test::expect_error<UsageError>([&] { folds("0", "1"); }, {"data.folds=K"});
}

TEST(Config, CommandNameIsAcceptedAsSection) {
  EXPECT_EQ(from_overrides(prepare_schema(), {"prepare.max_bad=0.5"}).get<double>("max_bad"), 0.5);
  EXPECT_EQ(from_overrides(prepare_schema(), {"max_bad=0.25"}).get<double>("prepare.max_bad"), 0.25);
}

}  // namespace
}  // namespace brainmt::config
