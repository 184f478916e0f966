// The same file of embeddings, byte for byte, from one rank and from all.
#include <gtest/gtest.h>

#include "analysis/embed_fixture.hpp"
#include "comm/mpi_communicator.hpp"
#include "support/shared_directory.hpp"

namespace brainmt::analysis {
namespace {

TEST(EmbedRanks, FilesOfOneRankAndOfAllAreTheSameBytes) {
  const test::SharedDirectory directory;
  // Uneven shares: 11 participants, some with two runs, on 4 ranks.
  std::optional<test::EmbedFixture> fixture;
  if (test::rank_of_world() == 0) fixture.emplace(directory.path(), 11);
  MPI_Barrier(MPI_COMM_WORLD);
  const io::Cohort cohort(directory / "c.h5");
  EmbedSettings settings;
  settings.weights = directory / "model.safetensors";
  settings.pooling = Pooling::kBoth;
  settings.frame_tokens = true;
  settings.stride = 3;
  settings.program = "test";

  comm::MpiCommunicator all(MPI_COMM_WORLD);
  embed(settings, cohort, directory / "all.h5", std::nullopt, all, MPI_COMM_WORLD);
  if (test::rank_of_world() == 0) {
    comm::SelfCommunicator self;
    embed(settings, cohort, directory / "one.h5", std::nullopt, self, MPI_COMM_SELF);
    const std::string one = test::read_file(directory / "one.h5");
    EXPECT_GT(one.size(), 1000u);
    EXPECT_TRUE(one == test::read_file(directory / "all.h5"));
    EXPECT_EQ(EmbeddingFile(directory / "all.h5").rows().size(), 11u);
  }
}

TEST(EmbedRanks, AFailureOnOneRankFailsAllAndLeavesNothing) {
  const test::SharedDirectory directory;
  std::optional<test::EmbedFixture> fixture;
  if (test::rank_of_world() == 0) fixture.emplace(directory.path(), 11);
  MPI_Barrier(MPI_COMM_WORLD);
  comm::MpiCommunicator all(MPI_COMM_WORLD);
  EmbeddingDescription description{.metadata = {{"pooling", "cls"}},
                                   .participants = {{.id = "a"}, {.id = "b"}},
                                   .arrays = {"embeddings"},
                                   .width = 2};
  EmbeddingWriter writer(MPI_COMM_WORLD, directory / "bad.h5", description);
  std::exception_ptr failure;
  try {
    if (test::rank_of_world() == 0) writer.write(0, {.values = {1, 2}, .tokens = {}});
    if (test::rank_of_world() == test::ranks_of_world() - 1) throw DataError("a scan that cannot be read");
  } catch (...) {
    failure = std::current_exception();
  }
  EXPECT_THROW(writer.commit(failure), Error);
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_EQ(directory.entries(), 2) << "the cohort and the weights";
}

}  // namespace
}  // namespace brainmt::analysis
