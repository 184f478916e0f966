// Files appear whole or not at all, links are not followed, and failures are one-line output errors.
#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "base/error.hpp"
#include "io/checksum.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

TEST(AtomicFile, ReplacesTheTargetOnlyOnCommit) {
  const TemporaryDirectory directory;
  const auto target = directory / "out";
  write_atomically(target, "old");
  {
    AtomicFile file(target);
    file.write("new ");
    file.write("content");
    EXPECT_EQ(test::read_file(target), "old");
    file.commit();
  }
  EXPECT_EQ(test::read_file(target), "new content");
  EXPECT_EQ(directory.entries(), 1u);
}

TEST(AtomicFile, AbandonedFileIsRemoved) {
  const TemporaryDirectory directory;
  {
    AtomicFile file(directory / "out");
    file.write("half");
    EXPECT_EQ(directory.entries(), 1u);
  }
  EXPECT_EQ(directory.entries(), 0u);
}

TEST(AtomicFile, MissingDirectoryAndDirectoryAsTargetAreOutputErrors) {
  const TemporaryDirectory directory;
  expect_error<OutputError>([&] { write_atomically(directory / "absent/out", "x"); }, {"absent/out", "No such"});
  test::write_file(directory / "file", "x");
  expect_error<OutputError>([&] { write_atomically(directory / "file/out", "x"); }, {"file/out", "Not a directory"});
  std::filesystem::create_directory(directory / "folder");
  expect_error<OutputError>([&] { write_atomically(directory / "folder", "x"); }, {"folder"});
  EXPECT_EQ(directory.entries(), 2u) << "a temporary file was left";
}

TEST(AtomicFile, RelativeTargetUsesTheWorkingDirectory) {
  const TemporaryDirectory directory;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  write_atomically("plain", "x");
  std::filesystem::current_path(before);
  EXPECT_EQ(test::read_file(directory / "plain"), "x");
}

TEST(AtomicFileFault44, LinkAtTheTargetIsReplacedNotFollowed) {
  const TemporaryDirectory directory;
  test::write_file(directory / "victim", "untouched");
  std::filesystem::create_symlink("victim", directory / "out");
  write_atomically(directory / "out", "mine");
  EXPECT_EQ(test::read_file(directory / "victim"), "untouched");
  EXPECT_FALSE(std::filesystem::is_symlink(directory / "out"));
}

// A limit on the size of files simulates a full disk: the same call fails in the same way, with EFBIG for ENOSPC.
TEST(AtomicFileFault13, FileTooLargeLeavesTheOldContent) {
  const TemporaryDirectory directory;
  const auto target = directory / "out";
  write_atomically(target, "old");
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error<OutputError>([&] { write_atomically(target, std::string(10'000, 'x')); }, {"out", "too large"});
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(test::read_file(target), "old");
  EXPECT_EQ(directory.entries(), 1u);
}

TEST(AtomicFileFault12, FullDeviceIsAnOutputError) {
  const FileDescriptor full(::open("/dev/full", O_WRONLY));
  if (!full.valid()) GTEST_SKIP() << "missing hardware, the device /dev/full";
  expect_error<OutputError>([&] { write_all(full, "weights", std::as_bytes(std::span("x", 1))); },
                            {"weights", "No space left"});
}

TEST(FileDescriptor, OnlyRegularFilesAreRead) {
  const TemporaryDirectory directory;
  expect_error<DataError>([&] { open_for_reading(directory.path()); }, {"regular"});
  expect_error<DataError>([&] { open_for_reading(directory / "absent"); }, {"absent", "No such"});
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  expect_error<DataError>([&] { open_for_reading(directory / "pipe"); }, {"regular"});
}

TEST(Checksum, PublishedVectors) {
  const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
  EXPECT_EQ(sha256(bytes("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(bytes("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(crc32(bytes("123456789")), 0xCBF43926u);
}

TEST(Checksum, FileInPiecesEqualsMemory) {
  const TemporaryDirectory directory;
  std::string content(3 * (1 << 20) + 17, 'a');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 131 >> 3);
  test::write_file(directory / "big", content);
  EXPECT_EQ(sha256_of_file(directory / "big"), sha256(std::as_bytes(std::span(content))));
}

}  // namespace
}  // namespace brainmt::io
