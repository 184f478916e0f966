// What an interrupted preparation leaves, and what the next one makes of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>

#include "base/error.hpp"
#include "io/cohort.hpp"
#include "io/directory_lock.hpp"
#include "io/table.hpp"
#include "prepare/prepare.hpp"
#include "prepare/staging.hpp"
#include "small_cohort.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using test::read_file;
using test::SharedDirectory;
using test::write_file;

constexpr std::size_t kScans = 6;

// Every scan is staged, and the command ends before the store: one scan more is bad than is allowed.
PrepareConfig staged_cohort(const SharedDirectory& directory) {
  PrepareConfig config = small_cohort(directory, kScans);
  on_rank_0([&] { write_file(config.list.input / "bad.nii.gz", "junk"); });
  on_rank_0([&] { std::filesystem::remove(config.list.input / "phenotypes.csv"); });
  config.max_bad = 0;
  expect_error<DataError>([&] { prepare(config, MPI_COMM_WORLD); }, {"max_bad=0"});
  config.max_bad = 0.5;
  MPI_Barrier(MPI_COMM_WORLD);
  return config;
}

std::filesystem::path staging_of(const PrepareConfig& config) { return config.output.string() + ".staging"; }

std::vector<std::filesystem::path> staged_files(const PrepareConfig& config) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(staging_of(config))) {
    if (entry.path().extension() == ".scan") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string undisturbed(PrepareConfig config) {
  config.output = config.output.parent_path() / "undisturbed.h5";
  prepare(config, MPI_COMM_WORLD);
  return read_file(config.output);
}

TEST(Restart, StagedScansAreUsedAgain) {
  const SharedDirectory directory;
  const PrepareConfig config = staged_cohort(directory);
  EXPECT_EQ(staged_files(config).size(), kScans);
  EXPECT_FALSE(std::filesystem::exists(config.output));
  const PrepareSummary summary = prepare(config, MPI_COMM_WORLD);
  EXPECT_EQ(summary.reused, kScans);
  EXPECT_EQ(summary.times.inflated_bytes, 0);
  EXPECT_FALSE(std::filesystem::exists(staging_of(config)));
  EXPECT_TRUE(read_file(config.output) == undisturbed(config));
}

TEST(Restart, AChangedScanOrOptionIsDoneAgain) {
  const SharedDirectory directory;
  PrepareConfig config = staged_cohort(directory);
  on_rank_0([&] {
    const auto path = config.list.input / "sub-0003.nii.gz";
    std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::seconds(1));
  });
  EXPECT_EQ(prepare(config, MPI_COMM_WORLD).reused, kScans - 1);
  MPI_Barrier(MPI_COMM_WORLD);

  const std::vector<std::function<void(Processing&)>> changes{[](Processing& p) { p.normalize = Normalize::kMinmax; },
                                                              [](Processing& p) { p.fill = 0.0; },
                                                              [](Processing& p) {
                                                                p.crop = parse_crop({0, 8, 0, 9, 0, 10});
                                                              },
                                                              [](Processing& p) { p.tr = 1.1; }};
  for (const auto& change : changes) {
    config = staged_cohort(directory);
    change(config.processing);
    EXPECT_EQ(prepare(config, MPI_COMM_WORLD).reused, 0u) << config.processing.identity();
    MPI_Barrier(MPI_COMM_WORLD);
  }
}

TEST(Restart, DamagedStagedScansAreDoneAgain) {
  const SharedDirectory directory;
  const PrepareConfig config = staged_cohort(directory);
  on_rank_0([&] {
    const auto files = staged_files(config);
    const std::string whole = read_file(files[0]);
    const auto damage = [&](std::size_t file, std::size_t at) {
      std::string bytes = read_file(files[file]);
      bytes[at] = static_cast<char>(bytes[at] ^ 4);
      write_file(files[file], bytes);
    };
    damage(0, whole.size() / 2);  // a frame
    damage(1, 110);               // the statistics in the header
    write_file(files[2], whole.substr(0, whole.size() - 1));
    write_file(files[3], "");
    damage(4, read_file(files[4]).size() - 1);  // a checksum
  });
  EXPECT_EQ(prepare(config, MPI_COMM_WORLD).reused, 1u);
  EXPECT_TRUE(read_file(config.output) == undisturbed(config));
}

TEST(Restart, VerdictsOfBadScansAreUsedAgain) {
  const SharedDirectory directory;
  PrepareConfig config = small_cohort(directory, kScans);
  on_rank_0([&] {
    std::string bytes = read_file(config.list.input / "sub-0002.nii.gz");
    bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);
    write_file(config.list.input / "sub-0002.nii.gz", bytes);
  });
  config.max_bad = 0;
  for (int attempt = 0; attempt < 2; ++attempt) {  // the second knows it from the first
    expect_error<DataError>([&] { prepare(config, MPI_COMM_WORLD); }, {"1 of 6 scans", "incorrect data check"});
    MPI_Barrier(MPI_COMM_WORLD);
  }
  config.max_bad = 0.2;
  const PrepareSummary summary = prepare(config, MPI_COMM_WORLD);
  EXPECT_EQ(summary.reused, kScans);
  ASSERT_EQ(summary.left_out.size(), 1u);
  EXPECT_EQ(summary.left_out[0].reason, "voxels");
  EXPECT_EQ(summary.left_out[0].count, 1u);
}

TEST(Restart, ASecondPreparationOfTheSameOutputIsRefused) {
  const SharedDirectory directory;
  const PrepareConfig config = small_cohort(directory, kScans);
  std::optional<io::DirectoryLock> other;
  on_rank_0([&] {
    std::filesystem::create_directory(staging_of(config));
    other.emplace(staging_of(config), "output");
  });
  expect_error<UsageError>([&] { prepare(config, MPI_COMM_WORLD); }, {"in use", "output"});
  MPI_Barrier(MPI_COMM_WORLD);
  other.reset();
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_EQ(prepare(config, MPI_COMM_WORLD).used, kScans);
}

TEST(Restart, LeftoversOfKilledPreparationsAreRemovedAndNothingElse) {
  const SharedDirectory directory;
  const PrepareConfig config = small_cohort(directory, kScans);
  const std::string mark = ".tmp-0123456789abcdef";
  const auto others = {"other.h5" + mark, std::string("cohort.h5.tmp-mine"), "cohort.h5" + mark + "0"};
  on_rank_0([&] {
    std::filesystem::create_directory(staging_of(config));
    for (const auto& name : others) write_file(directory / name, "x");
    write_file(directory / ("cohort.h5" + mark), "x");
    write_file(directory / ("cohort.report.tsv" + mark), "x");
    write_file(staging_of(config) / ("0123.scan" + mark), "x");
  });
  prepare(config, MPI_COMM_WORLD);
  EXPECT_FALSE(std::filesystem::exists(directory / ("cohort.h5" + mark)));
  EXPECT_FALSE(std::filesystem::exists(directory / ("cohort.report.tsv" + mark)));
  EXPECT_FALSE(std::filesystem::exists(staging_of(config)));
  for (const auto& name : others) EXPECT_TRUE(std::filesystem::exists(directory / name)) << name;
}

TEST(Restart, ALinkInPlaceOfTheStagingAreaIsRefused) {
  const SharedDirectory directory;
  const PrepareConfig config = small_cohort(directory, kScans);
  on_rank_0([&] { std::filesystem::create_directory_symlink(config.list.input, staging_of(config)); });
  expect_error<OutputError>([&] { prepare(config, MPI_COMM_WORLD); }, {"staging", "file or link"});
}

}  // namespace
}  // namespace brainmt::prepare
