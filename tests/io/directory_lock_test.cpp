// One owner per directory: a living one is named in the refusal, a dead one is replaced.
#include "io/directory_lock.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

TEST(DirectoryLock, SecondOwnerIsRefusedAndTheFirstNamed) {
  test::TemporaryDirectory run;
  const DirectoryLock first(run.path(), "run.dir");
  test::expect_error<UsageError>([&] { DirectoryLock second(run.path(), "run.dir"); },
                                 {"in use", "run.dir", std::to_string(::getpid())});
}

TEST(DirectoryLock, IsFreeAfterItsOwnerLeft) {
  test::TemporaryDirectory run;
  std::optional<DirectoryLock> lock(std::in_place, run.path(), "run.dir");
  lock.reset();
  EXPECT_EQ(test::read_file(run / "lock"), "");
  EXPECT_NO_THROW(lock.emplace(run.path(), "run.dir"));
}

TEST(DirectoryLock, ReleaseNamesNoOwner) {
  test::TemporaryDirectory run;
  DirectoryLock lock(run.path(), "run.dir");
  lock.release();
  EXPECT_EQ(test::read_file(run / "lock"), "") << "another host, which sees no process of this one, would be refused";
}

TEST(DirectoryLock, LockOfADeadProcessOnThisHostIsTakenOver) {
  test::TemporaryDirectory run;
  std::array<char, 256> host{};
  ASSERT_EQ(::gethostname(host.data(), host.size() - 1), 0);
  test::write_file(run / "lock", std::string(host.data()) + " 999999999 -\n");
  const DirectoryLock lock(run.path(), "run.dir");
  EXPECT_NE(test::read_file(run / "lock").find(" " + std::to_string(::getpid()) + " "), std::string::npos);
}

TEST(DirectoryLock, LockOfAnotherHostIsRespected) {
  test::TemporaryDirectory run;
  test::write_file(run / "lock", "some-other-node 4711 -\n");
  test::expect_error<UsageError>([&] { DirectoryLock lock(run.path(), "run.dir"); }, {"4711", "some-other-node"});
  EXPECT_EQ(test::read_file(run / "lock"), "some-other-node 4711 -\n");
}

TEST(DirectoryLock, EarlierStartOfTheSameSlurmJobIsReplaced) {
  test::TemporaryDirectory run;
  test::write_file(run / "lock", "some-other-node 4711 77\n");
  ::setenv("SLURM_JOB_ID", "77", 1);
  EXPECT_NO_THROW((DirectoryLock{run.path(), "run.dir"}));
  ::unsetenv("SLURM_JOB_ID");
}

TEST(DirectoryLock, UnwritableDirectoryIsAnOutputError) {
  test::TemporaryDirectory run;
  test::write_file(run / "file", "");
  test::expect_error<OutputError>([&] { DirectoryLock lock(run / "file", "run.dir"); }, {"lock file"});
}

}  // namespace
}  // namespace brainmt::io
