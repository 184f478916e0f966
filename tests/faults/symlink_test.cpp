// Row 44 of the fault matrix: links planted where we write are not followed, however the race goes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/directory_lock.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using test::expect_error;
using test::read_file;
using test::TemporaryDirectory;
using test::write_file;

constexpr int kRounds = 1000;

TEST(FaultRow44, ALinkAtTheTargetIsReplacedInEveryRace) {
  // In memory where there is such a folder: this is about names, and a disk would synchronise two thousand times.
  if (std::filesystem::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);
  const TemporaryDirectory directory, elsewhere;
  const auto target = directory / "out", victim = elsewhere / "victim";
  write_file(victim, "untouched");
  // Another process plants a link at the target whenever it can; rename() may meet it there or not.
  std::atomic<bool> stop = false;
  std::atomic<int> planted = 0;
  std::thread attacker([&] {
    const auto link = directory / "link";
    while (!stop) {
      if (::symlink(victim.c_str(), link.c_str()) == 0 && ::rename(link.c_str(), target.c_str()) == 0) ++planted;
    }
  });
  for (int i = 0; i < kRounds; ++i) write_atomically(target, std::to_string(i));
  stop = true;
  attacker.join();
  EXPECT_GT(planted, 0);
  write_atomically(target, "last");
  EXPECT_FALSE(std::filesystem::is_symlink(target));
  EXPECT_EQ(read_file(target), "last");
  EXPECT_EQ(read_file(victim), "untouched");
  EXPECT_EQ(elsewhere.entries(), 1u);
}

// Names of temporary files cannot be foreseen; one that is taken, by a link or a file, is skipped.
TEST(FaultRow44, TemporaryFilesAreNeverOpenedThroughALink) {
  const TemporaryDirectory directory, elsewhere;
  write_file(elsewhere / "victim", "untouched");
  for (int i = 0; i < 100; ++i) {
    const TemporaryFile file = create_beside(directory / "out");
    EXPECT_FALSE(std::filesystem::is_symlink(file.path));
    EXPECT_TRUE(file.path.filename().string().starts_with("out.tmp-"));
    // A link that takes the place of the temporary file does not lead the open descriptor away.
    std::filesystem::remove(file.path);
    std::filesystem::create_symlink(elsewhere / "victim", file.path);
    write_all(file.fd, file.path, "content");
  }
  EXPECT_EQ(read_file(elsewhere / "victim"), "untouched");
  EXPECT_EQ(directory.entries(), 100u) << "a name was used twice";
}

TEST(FaultRow44, ALinkAtTheLockIsRefused) {
  const TemporaryDirectory directory, elsewhere;
  write_file(elsewhere / "victim", "untouched");
  std::filesystem::create_symlink(elsewhere / "victim", directory / "lock");
  EXPECT_THROW(DirectoryLock lock(directory.path(), "run.dir"), Error);
  EXPECT_EQ(read_file(elsewhere / "victim"), "untouched");
}

TEST(FaultRow44, ALinkAtALogIsRefused) {
  const TemporaryDirectory directory, elsewhere;
  write_file(elsewhere / "victim", "untouched");
  std::filesystem::create_symlink(elsewhere / "victim", directory / "log.txt");
  expect_error<OutputError>([&] { open_for_appending(directory / "log.txt"); }, {"log.txt"});
  EXPECT_EQ(read_file(elsewhere / "victim"), "untouched");
}

}  // namespace
}  // namespace brainmt::io
