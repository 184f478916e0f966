// The collective writer of parcels: the file does not depend on the number of ranks.
#include <gtest/gtest.h>

#include "io/cohort.hpp"
#include "parcel_fixture.hpp"
#include "support/shared_directory.hpp"

namespace brainmt::io {
namespace {

using brainmt::test::read_file;

TEST(ParcelCohortMpi, FileDoesNotDependOnTheNumberOfRanks) {
  const brainmt::test::SharedDirectory directory;
  test::write_small_parcels(MPI_COMM_WORLD, directory / "all.h5");
  if (brainmt::test::rank_of_world() == 0) {
    test::write_small_parcels(MPI_COMM_SELF, directory / "one.h5");
    EXPECT_TRUE(read_file(directory / "all.h5") == read_file(directory / "one.h5")) << "the bytes differ";
    EXPECT_EQ(directory.entries(), 2) << "a temporary file was left";
  }
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_NO_THROW(Cohort(directory / "all.h5").verify());
}

}  // namespace
}  // namespace brainmt::io
