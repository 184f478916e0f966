// The files of a synthetic cohort: they do not depend on who makes them, and read as documented.
#include "synth/cohort.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "io/nifti.hpp"
#include "io/table.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "synth/subject.hpp"

namespace brainmt::synth {
namespace {

using brainmt::test::expect_error;
using brainmt::test::read_file;
using brainmt::test::TemporaryDirectory;

SynthConfig small(const std::filesystem::path& out) {
  SynthConfig config;
  config.out = out;
  config.subjects = 5;
  config.grid = {9, 11, 10};
  config.frames = 12;
  return config;
}

TEST(Cohort, FilesDoNotDependOnTheNumberOfRanks) {
  const TemporaryDirectory directory;
  generate_cohort(small(directory / "one"), 0, 1);
  int calls = 0;
  for (int rank = 0; rank < 3; ++rank) {
    generate_cohort(small(directory / "three"), rank, 3, [&](int done, int share) {
      ++calls;
      EXPECT_LE(done, share);
    });
  }
  EXPECT_EQ(calls, 5);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory / "one")) {
    EXPECT_EQ(read_file(entry.path()), read_file(directory / "three" / entry.path().filename())) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 8);  // five scans, their table, and an atlas of two files
}

TEST(Cohort, AnotherSeedGivesOtherScans) {
  const TemporaryDirectory directory;
  SynthConfig config = small(directory / "a");
  generate_cohort(config, 0, 1);
  config.out = directory / "b";
  config.seed = 2;
  generate_cohort(config, 0, 1);
  EXPECT_NE(read_file(directory / "a" / "sub-0001.nii.gz"), read_file(directory / "b" / "sub-0001.nii.gz"));
}

TEST(Cohort, ScansReadBackAsGenerated) {
  const TemporaryDirectory directory;
  const SynthConfig config = small(directory / "out");
  generate_cohort(config, 0, 1);
  const NetworkMaps networks = network_maps(config.grid);
  for (int subject = 0; subject < 2; ++subject) {
    io::NiftiReader reader(config.out / fmt::format("sub-{:04d}.nii.gz", subject + 1));
    const io::NiftiHeader& header = reader.header();
    EXPECT_EQ(header.type, subject == 0 ? io::NiftiType::kInt16 : io::NiftiType::kFloat32);
    EXPECT_EQ(header.shape, (std::array<std::int64_t, 4>{9, 11, 10, 12}));
    EXPECT_NEAR(header.repetition_time, config.tr, 1e-7);
    ScanGenerator scan(config, networks, subject);
    const double quantum = header.type == io::NiftiType::kInt16 ? header.slope : 0.0;
    std::vector<float> expected(header.frame_voxels()), found(header.frame_voxels());
    for (int t = 0; t < config.frames; ++t) {
      scan.next_frame(expected);
      ASSERT_TRUE(reader.next_frame(found));
      for (std::size_t v = 0; v < found.size(); ++v) {
        EXPECT_NEAR(found[v], expected[v], 0.51 * quantum);
        EXPECT_EQ(found[v] == 0, expected[v] == 0);  // the background is exactly zero, the head never
      }
    }
  }
}

TEST(Cohort, TableHoldsTheDocumentedColumnsAndOneOfEachSexInAPair) {
  const TemporaryDirectory directory;
  SynthConfig config = small(directory / "out");
  config.subjects = 6;
  generate_cohort(config, 0, 1);
  const io::Table table = io::Table::read(config.out / "phenotypes.csv");
  EXPECT_EQ(table.names(), (std::vector<std::string>{"participant_id", "sex", "age", "site", "mean_fd", "cognition"}));
  ASSERT_EQ(table.rows(), 6u);
  for (std::size_t row = 0; row < 6; row += 2) EXPECT_EQ(*table.number(row, 1) + *table.number(row + 1, 1), 1.0);
  EXPECT_NEAR(*table.number(0, 5), draw_phenotype(config, 0).cognition(), 5e-4);  // three decimals are written
}

TEST(Cohort, BadSettingsAreUsageErrors) {
  const TemporaryDirectory directory;
  const auto refused = [&](auto&& change, const std::string& key) {
    SynthConfig config = small(directory / "out");
    change(config);
    expect_error<UsageError>([&] { generate_cohort(config, 0, 1); }, {key});
  };
  refused([](auto& c) { c.out.clear(); }, "out");
  refused([](auto& c) { c.subjects = 0; }, "subjects is 0");
  refused([](auto& c) { c.grid[1] = 2; }, "grid is 2");
  refused([](auto& c) { c.frames = 40000; }, "frames is 40000");
  refused([](auto& c) { c.tr = 0; }, "tr is 0");
  refused([](auto& c) { c.sex_effect = -1; }, "sex_effect is -1");
  expect_error<UsageError>([] { parse_planted("phase"); }, {"'phase'", "amplitude or lag"});
  expect_error<UsageError>([] { parse_voxel_type("int8"); }, {"'int8'"});
}

TEST(Cohort, OutputFolderThatIsAFileIsAnOutputError) {
  const TemporaryDirectory directory;
  brainmt::test::write_file(directory / "out", "");
  expect_error<OutputError>([&] { generate_cohort(small(directory / "out"), 0, 1); }, {"out"});
}

}  // namespace
}  // namespace brainmt::synth
