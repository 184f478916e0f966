#include "app/machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace brainmt::app {
namespace {

Machine good_machine() {
  Machine machine;
  machine.cores = 4;
  machine.bf16 = true;
  machine.shared_memory_bytes = 1ull << 30;
  return machine;
}

bool mentions(const std::vector<std::string>& lines, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

TEST(Pitfalls, NoneOnASoundMachine) {
  EXPECT_TRUE(pitfalls(good_machine(), {.ranks = 4, .node_ranks = 4, .node_cores = 4}).empty());
}

TEST(Pitfalls, TooManyThreadsForTheCores) {
  const Machine machine = good_machine();
  Launch launch{.ranks = 2, .node_ranks = 2, .node_cores = 4, .threads = 4};
  EXPECT_TRUE(mentions(pitfalls(machine, launch), "OMP_NUM_THREADS=2"));
  launch.threads = 2;
  EXPECT_TRUE(pitfalls(machine, launch).empty());
  EXPECT_TRUE(mentions(pitfalls(machine, {.ranks = 8, .node_ranks = 8, .node_cores = 4}), "8 ranks"));
}

TEST(Pitfalls, SlurmTasksThatMpiDidNotConnect) {
  Machine machine = good_machine();
  machine.environment["SLURM_STEP_NUM_TASKS"] = "4";
  const Launch alone{.ranks = 1, .node_ranks = 1, .node_cores = 4};
  EXPECT_TRUE(mentions(pitfalls(machine, alone), "--mpi=pmix"));
  machine.environment.erase("SLURM_STEP_NUM_TASKS");
  machine.environment["SLURM_NTASKS"] = "4";
  EXPECT_TRUE(mentions(pitfalls(machine, alone), "1 of the 4 tasks"));
}

TEST(Pitfalls, MachineItself) {
  Machine machine = good_machine();
  machine.bf16 = false;
  machine.is_root = true;
  machine.shared_memory_bytes = 1 << 20;
  const auto found = pitfalls(machine, {.ranks = 1, .node_ranks = 1, .node_cores = 4});
  EXPECT_TRUE(mentions(found, "bf16"));
  EXPECT_TRUE(mentions(found, "OMPI_ALLOW_RUN_AS_ROOT"));
  EXPECT_TRUE(mentions(found, "/dev/shm has 1 MiB"));
}

TEST(Machine, ReadsSomethingPlausible) {
  const Machine machine = read_machine();
  EXPECT_GE(machine.cores, 1);
  EXPECT_GT(machine.memory_bytes, machine.available_bytes);
  EXPECT_GT(machine.available_bytes, 0u);
}

}  // namespace
}  // namespace brainmt::app
