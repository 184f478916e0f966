// The same file of connectivity, byte for byte, from one rank with one thread and from all with two.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "comm/mpi_communicator.hpp"
#include "comm/self_communicator.hpp"
#include "parcel_cohort.hpp"
#include "support/shared_directory.hpp"

namespace brainmt::connectivity {
namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(FcRanks, FilesOfOneRankAndOfAllAreTheSameBytes) {
  const test::SharedDirectory directory;
  if (test::rank_of_world() == 0)
    test::write_parcel_cohort(directory / "c.h5", test::made_up_scans(11), 9, test::noise(3));
  MPI_Barrier(MPI_COMM_WORLD);
  const io::Cohort cohort(directory / "c.h5");
  comm::MpiCommunicator all(MPI_COMM_WORLD);
  for (const Kind kind : {Kind::kPearson, Kind::kPartial, Kind::kTangent}) {
    for (const std::size_t components : {0u, 4u}) {
      FcSettings settings = test::fc_settings(kind, 7);
      settings.components = components;
      settings.rows_of_runs = true;
      const std::string name = fmt::format("{}{}", name_of(kind), components);
      settings.threads = 2;
      compute_fc(settings, cohort, directory / (name + "-all.h5"), {}, all, MPI_COMM_WORLD);
      if (test::rank_of_world() != 0) continue;
      comm::SelfCommunicator self;
      settings.threads = 1;
      compute_fc(settings, cohort, directory / (name + "-one.h5"), {}, self, MPI_COMM_SELF);
      const std::string one = bytes_of(directory / (name + "-one.h5"));
      EXPECT_GT(one.size(), 1000u);
      EXPECT_TRUE(one == bytes_of(directory / (name + "-all.h5"))) << name;
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }
}

TEST(FcRanks, AFailureOnOneRankFailsAllAndLeavesNothing) {
  const test::SharedDirectory directory;
  FcDescription description{.values = "fisher", .parcels = test::parcel_table(3)};
  for (const char* id : {"a", "b", "c", "d"}) description.participants.push_back({.id = id});
  FcWriter writer(MPI_COMM_WORLD, directory / "bad.h5", description);
  std::exception_ptr failure;
  if (test::rank_of_world() == test::ranks_of_world() - 1)
    failure = std::make_exception_ptr(DataError("a scan that cannot be read"));
  EXPECT_THROW(writer.commit(failure), Error);
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_EQ(directory.entries(), 0);
}

}  // namespace
}  // namespace brainmt::connectivity
