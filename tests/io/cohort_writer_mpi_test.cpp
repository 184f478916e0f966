// The collective writer: the file does not depend on the number of ranks, and failures on one rank end all ranks alike.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "cohort_fixture.hpp"
#include "io/cohort.hpp"
#include "support/expect_error.hpp"
#include "support/shared_directory.hpp"

namespace brainmt::io {
namespace {

using brainmt::test::expect_error;
using brainmt::test::rank_of_world;
using brainmt::test::ranks_of_world;
using brainmt::test::read_file;
using brainmt::test::SharedDirectory;

TEST(CohortWriterMpi, FileDoesNotDependOnTheNumberOfRanks) {
  const SharedDirectory directory;
  test::write_small_cohort(MPI_COMM_WORLD, directory / "all.h5");
  if (rank_of_world() == 0) {
    test::write_small_cohort(MPI_COMM_SELF, directory / "one.h5");
    EXPECT_TRUE(read_file(directory / "all.h5") == read_file(directory / "one.h5")) << "the bytes differ";
    EXPECT_EQ(directory.entries(), 2) << "a temporary file was left";
  }
  MPI_Barrier(MPI_COMM_WORLD);
  const Cohort cohort(directory / "all.h5");
  EXPECT_NO_THROW(cohort.verify());
  const CohortLayout layout = test::small_layout();
  for (std::size_t s = 0; s < 3; ++s) {
    std::vector<std::uint16_t> frames(layout.scans[s].frames * cohort.voxels(s));
    cohort.read_window(s, 0, frames, Cohort::Verify::kYes);
    EXPECT_EQ(frames, test::small_frames(layout, s, 0, layout.scans[s].frames));
    EXPECT_EQ(cohort.scans()[s].statistics.std, test::small_statistics(s).std);
  }
}

TEST(CohortWriterMpi, FailureOnOneRankEndsAllAndKeepsTheOldFile) {
  const SharedDirectory directory;
  const auto target = directory / "cohort.h5";
  test::write_small_cohort(MPI_COMM_WORLD, target);
  const std::string before = read_file(target);
  const int failing = ranks_of_world() - 1;
  CohortWriter writer(MPI_COMM_WORLD, target, test::small_layout());
  std::exception_ptr failure;
  if (rank_of_world() == failing) failure = std::make_exception_ptr(DataError("scan sub-03 is damaged"));
  expect_error<DataError>([&] { writer.commit(failure); }, {"scan sub-03 is damaged"});
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_EQ(read_file(target), before);
  EXPECT_EQ(directory.entries(), 1) << "a temporary file was left";
}

TEST(CohortWriterMpi, AbandonedWriterLeavesNothing) {
  const SharedDirectory directory;
  { CohortWriter writer(MPI_COMM_WORLD, directory / "cohort.h5", test::small_layout()); }
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_EQ(directory.entries(), 0);
}

TEST(CohortWriterMpi, MissingDirectoryIsTheSameErrorEverywhere) {
  const SharedDirectory directory;
  expect_error<OutputError>([&] { CohortWriter(MPI_COMM_WORLD, directory / "no/cohort.h5", test::small_layout()); },
                            {"no/cohort.h5", "No such"});
}

}  // namespace
}  // namespace brainmt::io
