// The commit protocol on disk: what a reader accepts, what it refuses, what it falls back to, what is pruned.
#include "train/checkpoint_files.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::train {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;

void commit(const fs::path& where, std::int64_t step) {
  commit_checkpoint(where, step, [step](const fs::path& directory) {
    for (const char* name : {kModelFile, kOptimizerFile, kStateFile})
      test::write_file(directory / name, fmt::format("{} of step {}", name, step));
  });
  write_pointer(where, "latest", step);
}

class CheckpointFiles : public testing::Test {
 protected:
  void SetUp() override {
    commit(where_.path(), 10);
    commit(where_.path(), 20);
  }
  fs::path file(const char* name) const { return where_.path() / "step-000020" / name; }
  void expect_fallback() const { EXPECT_EQ(newest_valid_step(where_.path()), 10); }

  TemporaryDirectory where_;
};

TEST_F(CheckpointFiles, NewestIsFound) {
  EXPECT_EQ(list_steps(where_.path()), (std::vector<std::int64_t>{10, 20}));
  EXPECT_EQ(newest_valid_step(where_.path()), 20);
  EXPECT_EQ(read_pointer(where_.path(), "latest"), 20);
}

TEST_F(CheckpointFiles, TruncationAtAnyLengthIsRefused) {
  const std::string content = test::read_file(file(kModelFile));
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, content.size() / 2, content.size() - 1}) {
    test::write_file(file(kModelFile), content.substr(0, size));
    test::expect_error<DataError>([&] { verify_checkpoint(where_.path(), 20); }, {kModelFile, "bytes"});
    expect_fallback();
  }
}

TEST_F(CheckpointFiles, EveryFlippedBitIsFound) {
  for (const char* name : {kModelFile, kOptimizerFile, kStateFile}) {
    const std::string content = test::read_file(file(name));
    for (std::size_t bit = 0; bit < 8 * content.size(); ++bit) {
      std::string flipped = content;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      test::write_file(file(name), flipped);
      test::expect_error<DataError>([&] { verify_checkpoint(where_.path(), 20); }, {name, "SHA-256"});
    }
    test::write_file(file(name), content);
  }
  EXPECT_EQ(newest_valid_step(where_.path()), 20);
}

TEST_F(CheckpointFiles, MissingFilesAndManifestsAreRefused) {
  for (const char* name : {kModelFile, kOptimizerFile, kStateFile, "manifest.json"}) {
    const std::string content = test::read_file(file(name));
    fs::remove(file(name));
    expect_fallback();
    test::write_file(file(name), content);
  }
}

TEST_F(CheckpointFiles, FilesOfAnotherStepAreRefused) {
  fs::copy_file(where_.path() / "step-000010" / kModelFile, file(kModelFile), fs::copy_options::overwrite_existing);
  expect_fallback();
  // A whole directory under another name is refused by the step in its manifest.
  fs::copy(where_.path() / "step-000010", where_.path() / "step-000030");
  expect_fallback();
}

TEST_F(CheckpointFiles, GarbageManifestsAreRefusedAndOtherFormatsNamed) {
  const std::string manifest = test::read_file(file("manifest.json"));
  for (const char* garbage :
       {"", "{", "[]", "null", "{\"format\":1,\"step\":20,\"files\":[]}", "{\"format\":1,\"step\":20,\"files\":{}}",
        "{\"format\":1,\"step\":20,\"files\":{\"model.safetensors\":3}}"}) {
    test::write_file(file("manifest.json"), garbage);
    expect_fallback();
  }
  std::string newer = manifest;
  newer.replace(newer.find("\"format\": 1"), 11, "\"format\": 2");
  test::write_file(file("manifest.json"), newer);
  test::expect_error<UsageError>([&] { newest_valid_step(where_.path()); }, {"format 2", "reads 1"});
}

TEST_F(CheckpointFiles, LatestIsNeverBelieved) {
  for (const char* garbage : {"", "x", "../x", "step-000020/../../etc", "step-999999", "step--1", "step-1e3"}) {
    test::write_file(where_ / "latest", garbage);
    EXPECT_EQ(newest_valid_step(where_.path()), 20) << garbage;
  }
  fs::remove(where_ / "latest");
  fs::create_symlink("/etc/hostname", where_ / "latest");
  EXPECT_EQ(read_pointer(where_.path(), "latest"), std::nullopt);
  EXPECT_EQ(newest_valid_step(where_.path()), 20);
}

TEST_F(CheckpointFiles, LinksAndOtherNamesAreNotSteps) {
  fs::create_directory_symlink(where_ / "step-000010", where_ / "step-000099");
  fs::create_directory(where_ / "step-7");
  fs::create_directory(where_ / "step-000050.tmp-new-1");
  EXPECT_EQ(newest_valid_step(where_.path()), 20);
  remove_leftovers(where_.path());
  EXPECT_FALSE(fs::exists(where_ / "step-000050.tmp-new-1"));
  EXPECT_EQ(newest_valid_step(where_.path()), 20);
}

TEST_F(CheckpointFiles, AFailedSaveChangesNothing) {
  const auto fail = [](const fs::path& directory) {
    test::write_file(directory / kModelFile, "half");
    throw OutputError("no space left");
  };
  EXPECT_THROW(commit_checkpoint(where_.path(), 30, fail), OutputError);
  EXPECT_EQ(where_.entries(), 3u);  // two steps and `latest`
  EXPECT_EQ(newest_valid_step(where_.path()), 20);
}

TEST_F(CheckpointFiles, ARefusedStepCanBeMadeAgain) {
  test::write_file(file(kModelFile), "broken");
  expect_fallback();
  commit(where_.path(), 20);
  EXPECT_EQ(newest_valid_step(where_.path()), 20);
  EXPECT_EQ(where_.entries(), 3u);
}

TEST_F(CheckpointFiles, PruningKeepsTheNewestAndTheBest) {
  for (const std::int64_t step : {30, 40}) commit(where_.path(), step);
  write_pointer(where_.path(), "best", 10);
  prune_checkpoints(where_.path(), 2);
  EXPECT_EQ(list_steps(where_.path()), (std::vector<std::int64_t>{10, 30, 40}));
  prune_checkpoints(where_.path(), 5);
  EXPECT_EQ(list_steps(where_.path()), (std::vector<std::int64_t>{10, 30, 40}));
}

}  // namespace
}  // namespace brainmt::train
