// The commit protocol on disk: what a reader accepts, what it refuses, what it falls back to, what is pruned.
#include "run/checkpoint_files.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "io/checksum.hpp"
#include "io/safetensors.hpp"
#include "run/checkpoint_manifest.hpp"
#include "support/expect_error.hpp"
#include "support/flip_bit.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;

// Two tensors a file, with the step in every value.
void commit(const fs::path& where, std::int64_t step) {
  commit_checkpoint(where, step, [step](const fs::path& directory) {
    const std::vector<float> values(4, static_cast<float>(step));
    const std::vector<io::TensorToWrite> tensors{{.name = "a.weight", .shape = {2, 2}, .data = values.data()},
                                                 {.name = "b.bias", .shape = {3}, .data = values.data()}};
    io::write_safetensors(directory / kModelFile, tensors);
    io::write_safetensors(directory / kOptimizerFile, tensors);
    test::write_file(directory / kStateFile, fmt::format("state of step {}", step));
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

TEST_F(CheckpointFiles, Row16_TruncationAtAnyLengthIsRefused) {
  const std::string content = test::read_file(file(kModelFile));
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, content.size() / 2, content.size() - 1}) {
    test::write_file(file(kModelFile), content.substr(0, size));
    test::expect_error<DataError>([&] { verify_checkpoint(where_.path(), 20); }, {kModelFile, "bytes"});
    expect_fallback();
  }
}

TEST_F(CheckpointFiles, Row17_EveryFlippedBitIsFound) {
  for (const char* name : {kModelFile, kOptimizerFile, kStateFile, kManifestFile}) {
    const bool is_manifest = std::string_view(name) == kManifestFile;
    for (std::uint64_t bit = 0; bit < 8 * fs::file_size(file(name)); ++bit) {
      test::flip_bit(file(name), bit / 8, bit % 8);
      test::expect_error<DataError>([&] { verify_checkpoint(where_.path(), 20); },
                                    {name, is_manifest ? "its own SHA-256" : "SHA-256"});
      test::flip_bit(file(name), bit / 8, bit % 8);
    }
  }
  EXPECT_EQ(newest_valid_step(where_.path()), 20);
}

TEST_F(CheckpointFiles, Row18_MissingFilesAndManifestsAreRefused) {
  for (const char* name : {kModelFile, kOptimizerFile, kStateFile, "manifest.json"}) {
    const std::string content = test::read_file(file(name));
    fs::remove(file(name));
    expect_fallback();
    test::write_file(file(name), content);
  }
}

TEST_F(CheckpointFiles, Row18_FilesOfAnotherStepAreRefused) {
  fs::copy_file(where_.path() / "step-000010" / kModelFile, file(kModelFile), fs::copy_options::overwrite_existing);
  expect_fallback();
  // A whole directory under another name is refused by the step in its manifest.
  fs::copy(where_.path() / "step-000010", where_.path() / "step-000030");
  expect_fallback();
}

// Replaces the manifest's `what` by `text` and renews its checksum.
std::string edited(std::string manifest, const std::string& what, const std::string& text) {
  manifest.replace(manifest.find(what), what.size(), text);
  const std::size_t digits = manifest.size() - 4 - 64;
  manifest.replace(digits, 64, 64, '0');
  return manifest.replace(digits, 64, io::sha256(std::as_bytes(std::span(manifest))));
}

TEST_F(CheckpointFiles, Row20_GarbageManifestsAreRefusedAndOtherFormatsNamed) {
  const std::string manifest = test::read_file(file(kManifestFile));
  for (const std::string& garbage :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"),
        manifest.substr(0, manifest.size() - 1), manifest + "\n", edited(manifest, "\"files\"", "\"flies\""),
        edited(manifest, "\"bytes\"", "\"bites\""), edited(manifest, "\"sha256\"", "\"sha512\"")}) {
    test::write_file(file(kManifestFile), garbage);
    expect_fallback();
  }
  test::write_file(file(kManifestFile), edited(manifest, "\"format\": 2", "\"format\": 3"));
  test::expect_error<UsageError>([&] { newest_valid_step(where_.path()); }, {"format 3", "reads 2"});
  test::write_file(file(kManifestFile), R"({"format":1,"step":20,"files":{}})");
  test::expect_error<UsageError>([&] { newest_valid_step(where_.path()); }, {"format 1", "reads 2"});
}

TEST_F(CheckpointFiles, Row17_TheDamagedTensorIsNamed) {
  std::string bytes = test::read_file(file(kOptimizerFile));
  const auto damage = [&](std::size_t at, std::initializer_list<std::string> expected) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    test::write_file(file(kOptimizerFile), damaged);
    test::expect_error<DataError>([&] { verify_checkpoint(where_.path(), 20); }, expected);
  };
  damage(bytes.size() - 1, {kOptimizerFile, "in tensor b.bias"});  // three floats, the last of the file
  damage(bytes.size() - 13, {kOptimizerFile, "in tensor a.weight"});
  damage(12, {kOptimizerFile, "in its header"});
}

TEST_F(CheckpointFiles, Row19_LatestIsNeverBelieved) {
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
}  // namespace brainmt::run
