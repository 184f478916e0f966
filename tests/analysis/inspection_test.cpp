#include "analysis/inspection.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "../io/parcel_fixture.hpp"
#include "base/error.hpp"
#include "io/directory_lock.hpp"
#include "io/safetensors.hpp"
#include "run/checkpoint_files.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::analysis {
namespace {

class Inspection : public testing::Test {
 protected:
  std::filesystem::path weights_with(float last) {
    const std::array<float, 4> values{1, 2, 3, last};
    const std::array tensors{
        io::TensorToWrite{.name = "head.weight", .type = io::StoredType::kF32, .shape = {2, 2}, .data = values.data()}};
    io::write_safetensors(directory_ / "w.safetensors", tensors,
                          {{"made_for", "a test"}, {"model", R"({"depth": [1, 2], "width": 8})"}});
    return directory_ / "w.safetensors";
  }
  test::TemporaryDirectory directory_;
};

TEST_F(Inspection, WeightsListTensorsAndMetadata) {
  const Json found = inspect_path(weights_with(4), /*verify=*/true);
  EXPECT_EQ(found["kind"], "weights");
  EXPECT_EQ(found["elements"], 4);
  EXPECT_EQ(found["metadata"]["made_for"], "a test");
  EXPECT_EQ(found["tensors"][0], (Json{{"tensor", "head.weight"}, {"type", "F32"}, {"shape", {2, 2}}}));
  EXPECT_NE(to_lines(found).find("  made_for: a test\n  model.depth: [1,2]\n  model.width: 8\n"), std::string::npos);
  EXPECT_NE(to_lines(found).find("  tensor       type  shape\n  head.weight  F32   [2,2]\n"), std::string::npos);
}

TEST_F(Inspection, VerifyFindsAValueThatIsNotFinite) {
  const auto path = weights_with(std::numeric_limits<float>::quiet_NaN());
  EXPECT_NO_THROW(inspect_path(path, /*verify=*/false));
  test::expect_error<NonFiniteError>([&] { inspect_path(path, /*verify=*/true); }, {"head.weight", "nan", "element 3"});
}

TEST_F(Inspection, RunListsCheckpointsAndVerifiesThem) {
  const auto checkpoints = directory_ / "checkpoints";
  std::filesystem::create_directories(checkpoints);
  run::commit_checkpoint(checkpoints, 7, [](const std::filesystem::path& into) {
    const float value = 1;
    const std::vector<io::TensorToWrite> tensors{{.name = "a", .shape = {1}, .data = &value}};
    for (const char* name : {run::kModelFile, run::kOptimizerFile}) io::write_safetensors(into / name, tensors);
    test::write_file(into / run::kStateFile, "{}");
  });
  const Json found = inspect_path(directory_.path(), /*verify=*/true);
  EXPECT_EQ(found["kind"], "run");
  EXPECT_EQ(found["checkpoints"], Json::array({7}));
  test::write_file(checkpoints / run::step_name(7) / run::kModelFile, "changed since");
  EXPECT_THROW(inspect_path(directory_.path(), /*verify=*/true), DataError);
}

TEST_F(Inspection, RunSaysWhatItIsHowFarItIsAndHowGood) {
  test::write_file(directory_ / "config.yaml",
                   "task: classification\ntask.target: sex\nrun:\n  epochs: 9\ndata:\n  cohort: far/c.h5\n");
  test::write_file(directory_ / "split.json", R"({"seed":1,"train":["a","b"],"val":["c"],"test":[]})");
  test::write_file(directory_ / "metrics.jsonl", R"({"step":4,"epoch":1,"split":"train","loss":0.7})"
                                                 "\n"
                                                 R"({"step":4,"epoch":1,"split":"val","loss":0.5,"auroc":0.8})"
                                                 "\n"
                                                 R"({"step":8,"epoch":2,"split":"val","loss":0.6,"auroc":0.9})"
                                                 "\n"
                                                 R"({"step":9,"epoch":3,"split":"train","loss":0.4})"
                                                 "\n");
  const Json found = inspect_path(directory_.path(), /*verify=*/false);
  EXPECT_EQ(found["task"], "classification");
  EXPECT_EQ(found["cohort"], "far/c.h5");
  EXPECT_EQ(found["participants"], (Json{{"train", 2}, {"val", 1}, {"test", 0}}));
  EXPECT_EQ(found["best_validation"], (Json{{"loss", 0.5}, {"step", 4}, {"auroc", 0.8}, {"epoch", 1.0}}));
  EXPECT_EQ(found["last_step"], 9);
  EXPECT_EQ(found["epoch"], "3 of 9");
  EXPECT_NE(found["state"].get<std::string>().find("no checkpoint yet"), std::string::npos);
  EXPECT_NE(to_lines(found).find("best_validation    loss 0.5, step 4, auroc 0.8"), std::string::npos);
}

TEST(InspectionText, RowsAreAlignedAndWhatIsNotKnownIsSaid) {
  const Json found{{"motion", nullptr},
                   {"rows", {{{"column", "age"}, {"kind", "number"}}, {{"column", "x"}, {"kind", "text"}}}}};
  EXPECT_EQ(to_lines(found),
            "motion             n/a\nrows               \n  column  kind\n  age     number\n  x       text\n");
}

TEST_F(Inspection, ALockedRunIsRunning) {
  test::write_file(directory_ / "config.yaml", "task: regression\n");
  const auto state = [&] { return inspect_path(directory_.path(), false)["state"].get<std::string>(); };
  {
    const io::DirectoryLock lock(directory_.path(), "run.dir");
    EXPECT_TRUE(state().starts_with("running: process ")) << state();
  }
  EXPECT_FALSE(state().starts_with("running")) << "the lock was let go";
  test::write_file(directory_ / "lock", "another-host 12 -");
  EXPECT_EQ(state(), "running: process 12 on another-host");
}

TEST_F(Inspection, CohortOfParcelsListsItsAtlasAndWhatIsMissing) {
  const auto path = directory_ / "parcels.h5";
  io::test::write_small_parcels(MPI_COMM_SELF, path);
  const Json found = inspect_path(path, /*verify=*/true);
  EXPECT_EQ(found["content"], "parcels");
  EXPECT_EQ(found["parcels"], 5);
  EXPECT_EQ(found["networks"], (Json{"Default", "Vis"}));
  EXPECT_EQ(found["atlas"], "Small");
  EXPECT_EQ(found["scans_with_missing_parcels"], 1);
  EXPECT_EQ(found["parcels_missing_often"], (Json{"RH_Köln"})) << "in one scan of three";
  EXPECT_FALSE(found.contains("grid"));
  EXPECT_FALSE(found.contains("fill_value_leaks"));
  EXPECT_EQ(found["verified"], "every frame matches its checksum");
}

TEST_F(Inspection, RefusesWhatItDoesNotKnow) {
  test::expect_error<DataError>([&] { inspect_path(directory_ / "missing", false); }, {"missing", "no such file"});
  test::expect_error<DataError>([&] { inspect_path(directory_.path(), false); }, {"run directories"});
  test::write_file(directory_ / "cut.h5", "\x89HDF\r\n\x1a\n");
  EXPECT_THROW(inspect_path(directory_ / "cut.h5", false), DataError);
}

}  // namespace
}  // namespace brainmt::analysis
