#include "io/folder_beside.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(FolderBeside, TakesItsNameWithAllInIt) {
  const test::TemporaryDirectory directory;
  const fs::path target = directory / "above" / "model";
  FolderBeside folder(target);
  write_atomically(folder.path() / "a", "1");
  EXPECT_FALSE(fs::exists(target));
  folder.commit([](const fs::path&) { return false; });
  EXPECT_EQ(content_of(target / "a"), "1");
  EXPECT_EQ(entries(directory / "above"), 1u);
}

TEST(FolderBeside, LeavesNothingWithoutCommit) {
  const test::TemporaryDirectory directory;
  fs::create_directory(directory / "model");
  write_atomically(directory / "model" / "a", "old");
  {
    FolderBeside folder(directory / "model");
    write_atomically(folder.path() / "a", "new");
  }
  EXPECT_EQ(content_of(directory / "model" / "a"), "old");
  EXPECT_EQ(entries(directory / "model" / ".."), 1u);
}

TEST(FolderBeside, KeepsWhatItIsAskedTo) {
  const test::TemporaryDirectory directory;
  const fs::path target = directory / "model";
  fs::create_directories(target / "notes");
  for (const char* name : {"a", "b", "c", "notes/d"}) write_atomically(target / name, "old");
  {
    FolderBeside folder(target);
    write_atomically(folder.path() / "a", "new");
    folder.commit([](const fs::path& entry) { return entry.filename() != "b"; });
  }
  EXPECT_EQ(content_of(target / "a"), "new");
  EXPECT_FALSE(fs::exists(target / "b"));
  EXPECT_EQ(content_of(target / "c"), "old");
  EXPECT_EQ(content_of(target / "notes/d"), "old");
  EXPECT_EQ(entries(target / ".."), 1u);
}

TEST(FolderBeside, AFileIsNotReplaced) {
  const test::TemporaryDirectory directory;
  write_atomically(directory / "model", "somebody's");
  test::expect_error<OutputError>([&] { FolderBeside folder(directory / "model"); }, {"model"});
  EXPECT_EQ(content_of(directory / "model"), "somebody's");
}

}  // namespace
}  // namespace brainmt::io
