#include "app/inspection.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "base/error.hpp"
#include "io/safetensors.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "train/checkpoint_files.hpp"

namespace brainmt::app {
namespace {

class Inspection : public testing::Test {
 protected:
  std::filesystem::path weights_with(float last) {
    const std::array<float, 4> values{1, 2, 3, last};
    const std::array tensors{
        io::TensorToWrite{.name = "head.weight", .type = io::StoredType::kF32, .shape = {2, 2}, .data = values.data()}};
    io::write_safetensors(directory_ / "w.safetensors", tensors, {{"made_for", "a test"}});
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
  EXPECT_NE(to_lines(found).find("head.weight F32 [2,2]"), std::string::npos);
}

TEST_F(Inspection, VerifyFindsAValueThatIsNotFinite) {
  const auto path = weights_with(std::numeric_limits<float>::quiet_NaN());
  EXPECT_NO_THROW(inspect_path(path, /*verify=*/false));
  test::expect_error<NonFiniteError>([&] { inspect_path(path, /*verify=*/true); }, {"head.weight", "nan", "element 3"});
}

TEST_F(Inspection, RunListsCheckpointsAndVerifiesThem) {
  const auto checkpoints = directory_ / "checkpoints";
  std::filesystem::create_directories(checkpoints);
  train::commit_checkpoint(checkpoints, 7, [](const std::filesystem::path& into) {
    const float value = 1;
    const std::vector<io::TensorToWrite> tensors{{.name = "a", .shape = {1}, .data = &value}};
    for (const char* name : {train::kModelFile, train::kOptimizerFile}) io::write_safetensors(into / name, tensors);
    test::write_file(into / train::kStateFile, "{}");
  });
  const Json found = inspect_path(directory_.path(), /*verify=*/true);
  EXPECT_EQ(found["kind"], "run");
  EXPECT_EQ(found["checkpoints"], Json::array({7}));
  test::write_file(checkpoints / train::step_name(7) / train::kModelFile, "changed since");
  EXPECT_THROW(inspect_path(directory_.path(), /*verify=*/true), DataError);
}

TEST_F(Inspection, RefusesWhatItDoesNotKnow) {
  test::expect_error<DataError>([&] { inspect_path(directory_ / "missing", false); }, {"missing", "no such file"});
  test::expect_error<DataError>([&] { inspect_path(directory_.path(), false); }, {"run directories"});
  test::write_file(directory_ / "cut.h5", "\x89HDF\r\n\x1a\n");
  EXPECT_THROW(inspect_path(directory_ / "cut.h5", false), DataError);
}

}  // namespace
}  // namespace brainmt::app
