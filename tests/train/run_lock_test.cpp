// One owner per run directory: a living one is named in the refusal, a dead one is replaced.
#include "train/run_lock.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::train {
namespace {

TEST(RunLock, SecondOwnerIsRefusedAndTheFirstNamed) {
  test::TemporaryDirectory run;
  const RunLock first(run.path());
  test::expect_error<UsageError>([&] { RunLock second(run.path()); }, {"in use", std::to_string(::getpid())});
}

TEST(RunLock, IsFreeAfterItsOwnerLeft) {
  test::TemporaryDirectory run;
  std::optional<RunLock> lock(std::in_place, run.path());
  lock.reset();
  EXPECT_EQ(test::read_file(run / "lock"), "");
  EXPECT_NO_THROW(lock.emplace(run.path()));
}

TEST(RunLock, LockOfADeadProcessOnThisHostIsTakenOver) {
  test::TemporaryDirectory run;
  std::array<char, 256> host{};
  ASSERT_EQ(::gethostname(host.data(), host.size() - 1), 0);
  test::write_file(run / "lock", std::string(host.data()) + " 999999999 -\n");
  const RunLock lock(run.path());
  EXPECT_NE(test::read_file(run / "lock").find(" " + std::to_string(::getpid()) + " "), std::string::npos);
}

TEST(RunLock, LockOfAnotherHostIsRespected) {
  test::TemporaryDirectory run;
  test::write_file(run / "lock", "some-other-node 4711 -\n");
  test::expect_error<UsageError>([&] { RunLock lock(run.path()); }, {"4711", "some-other-node"});
  EXPECT_EQ(test::read_file(run / "lock"), "some-other-node 4711 -\n");
}

TEST(RunLock, EarlierStartOfTheSameSlurmJobIsReplaced) {
  test::TemporaryDirectory run;
  test::write_file(run / "lock", "some-other-node 4711 77\n");
  ::setenv("SLURM_JOB_ID", "77", 1);
  EXPECT_NO_THROW(RunLock{run.path()});
  ::unsetenv("SLURM_JOB_ID");
}

TEST(RunLock, UnwritableDirectoryIsAnOutputError) {
  test::TemporaryDirectory run;
  test::write_file(run / "file", "");
  test::expect_error<OutputError>([&] { RunLock lock(run / "file"); }, {"lock file"});
}

}  // namespace
}  // namespace brainmt::train
