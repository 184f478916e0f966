// The check that turns "srun made N separate jobs" into an error.
#include "comm/environment.hpp"

#include <gtest/gtest.h>

namespace brainmt::comm {
namespace {

TEST(LauncherMismatch, StepOfSlurmThatMpiDidNotConnect) {
  const auto reason = launcher_mismatch({.slurm_step_tasks = 4, .mpirun = false}, 1);
  ASSERT_TRUE(reason);
  EXPECT_NE(reason->find("started 4 tasks but MPI connected 1"), std::string::npos) << *reason;
  EXPECT_NE(reason->find("srun --mpi=pmix"), std::string::npos) << *reason;
}

TEST(LauncherMismatch, LegitimateStarts) {
  EXPECT_FALSE(launcher_mismatch({.slurm_step_tasks = 4, .mpirun = false}, 4));  // srun --mpi=pmix
  EXPECT_FALSE(
      launcher_mismatch({.slurm_step_tasks = std::nullopt, .mpirun = false}, 1));  // no Slurm, or a batch script
  EXPECT_FALSE(launcher_mismatch({.slurm_step_tasks = 1, .mpirun = true}, 2));     // mpirun in an srun shell
}

}  // namespace
}  // namespace brainmt::comm
