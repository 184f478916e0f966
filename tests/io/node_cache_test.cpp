// Node cache: copies are made once, shared by processes, below the cap and verified; windows equal those of the cohort
// also when copies are damaged or removed.
#include "io/node_cache.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/error.hpp"
#include "cohort_fixture.hpp"
#include "io/hdf5_reader.hpp"
#include "io/window_loader.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

namespace fs = std::filesystem;

class NodeCacheTest : public testing::Test {
 protected:
  NodeCacheTest() { test::write_small_cohort(MPI_COMM_SELF, path_); }

  ReadSettings settings(std::uint64_t max_bytes = 1 << 20) const {
    return {.cache = {.directory = cache_, .max_bytes = max_bytes}};
  }
  std::uint64_t bytes_of(std::size_t scan) const { return layout_.scans[scan].frames * layout_.voxels.size() * 2; }

  // Windows of all scans through a loader; the bytes that came from the store.
  std::uint64_t read_all(const Cohort& cohort) const {
    const std::uint64_t before = cohort.bytes_read();
    std::vector<std::uint16_t> window;
    const auto reader = cohort.make_reader();
    for (std::size_t s = 0; s < 3; ++s) {
      for (std::uint64_t f = 0; f + 2 <= layout_.scans[s].frames; ++f) {
        window.assign(2 * layout_.voxels.size(), 0);
        cohort.load_window(*reader, s, f, window);
        EXPECT_EQ(window, test::small_frames(layout_, s, f, 2)) << "scan " << s << ", frame " << f;
      }
    }
    return cohort.bytes_read() - before;
  }
  // Bytes that read_all() takes from the store without any copy.
  std::uint64_t without_copies() const {
    const Cohort cohort(path_);
    return read_all(cohort);
  }
  fs::path folder() const {  // of the only cohort
    for (const auto& entry : fs::directory_iterator(cache_))
      if (entry.is_directory()) return entry.path();
    return {};
  }
  std::vector<std::string> copies() const {
    std::vector<std::string> names;
    if (!fs::is_directory(cache_)) return names;
    for (const auto& entry : fs::directory_iterator(folder())) names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }

  const brainmt::test::TemporaryDirectory directory_;
  const fs::path path_ = directory_ / "cohort.h5", cache_ = directory_ / "cache";
  const CohortLayout layout_ = test::small_layout();
  const std::vector<std::string> all_{"scan-000000.f16", "scan-000001.f16", "scan-000002.f16"};
};

TEST_F(NodeCacheTest, EachScanLeavesTheStoreOnce) {
  const Cohort cohort(path_, settings());
  EXPECT_EQ(read_all(cohort), bytes_of(0) + bytes_of(1) + bytes_of(2));
  EXPECT_EQ(read_all(cohort), 0u);
  const Cohort later(path_, settings());
  EXPECT_EQ(read_all(later), 0u) << "the copies outlive who made them";
  EXPECT_EQ(copies(), all_);
  for (const fs::path& made : {cache_, folder()})
    EXPECT_EQ(fs::status(made).permissions(), fs::perms::owner_all) << made;
}

TEST_F(NodeCacheTest, LoaderReadsCopies) {
  const Cohort cohort(path_, settings());
  read_all(cohort);
  const std::uint64_t before = cohort.bytes_read();
  WindowLoader loader(cohort, {{0, 1, 3}, {2, 0, 9}}, 2);
  while (loader.next()) {
  }
  EXPECT_EQ(cohort.bytes_read(), before);
}

TEST_F(NodeCacheTest, AnotherCohortHasCopiesOfItsOwn) {
  const Cohort cohort(path_, settings());
  read_all(cohort);
  CohortLayout other = layout_;
  other.scans = {layout_.scans[1]};
  other.phenotypes.clear();
  CohortWriter writer(MPI_COMM_SELF, directory_ / "other.h5", other);
  writer.write_frames(0, 0, test::small_frames(layout_, 2, 0, 4));
  writer.set_scan_statistics(0, test::small_statistics(0));
  writer.commit();
  const Cohort second(directory_ / "other.h5", settings());
  std::vector<std::uint16_t> window(4 * layout_.voxels.size());
  second.load_window(*second.make_reader(), 0, 0, window);
  EXPECT_EQ(window, test::small_frames(layout_, 2, 0, 4));
  EXPECT_EQ(std::distance(fs::directory_iterator(cache_), {}), 3) << "two cohorts and the lock";
}

TEST_F(NodeCacheTest, CapHoldsAndFirstComeStays) {
  const std::uint64_t cap = bytes_of(0) + bytes_of(1);
  const Cohort cohort(path_, settings(cap));
  read_all(cohort);
  EXPECT_EQ(copies(), (std::vector<std::string>{all_[0], all_[1]}));
  EXPECT_EQ(read_all(cohort), (layout_.scans[2].frames - 1) * 2 * layout_.voxels.size() * 2) << "scan 2 from the store";
  const Cohort smaller(path_, settings(cap - 1));
  read_all(smaller);
  EXPECT_EQ(copies().size(), 2u) << "a lower cap adds nothing and takes nothing away";
}

TEST_F(NodeCacheTest, TwoProcessesAtOnceShareTheCopiesAndTheCap) {
  for (const std::uint64_t cap : {std::uint64_t{1} << 20, bytes_of(1) + bytes_of(2)}) {
    fs::remove_all(cache_);
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      const pid_t child = ::fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        const Cohort cohort(path_, settings(cap));
        read_all(cohort);
        ::_exit(HasFailure() ? 1 : 0);
      }
      children.push_back(child);
    }
    for (const pid_t child : children) {
      int status = 1;
      ::waitpid(child, &status, 0);
      EXPECT_EQ(status, 0);
    }
    std::uint64_t bytes = 0;
    for (const std::string& name : copies()) {
      EXPECT_FALSE(name.ends_with(".part")) << name;
      bytes += fs::file_size(folder() / name);
    }
    EXPECT_LE(bytes, cap);
    EXPECT_GE(copies().size(), 1u);
    const Cohort after(path_, settings(cap));
    read_all(after);
  }
}

TEST_F(NodeCacheTest, WhileAnotherMakesACopyTheStoreIsRead) {
  const Cohort cohort(path_, settings());
  const fs::path part = folder() / "scan-000002.part";
  {
    const FileDescriptor other(::open(part.c_str(), O_RDWR | O_CREAT, 0600));
    ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
    EXPECT_EQ(read_all(cohort),
              bytes_of(0) + bytes_of(1) + (layout_.scans[2].frames - 1) * 2 * layout_.voxels.size() * 2);
    EXPECT_EQ(fs::file_size(part), 0u) << "somebody else's";
  }
  EXPECT_EQ(read_all(cohort), bytes_of(2)) << "a killed process's part is taken over";
  EXPECT_EQ(copies(), all_);
}

TEST_F(NodeCacheTest, LeftoversDoNotCountAgainstTheCap) {
  const Cohort cohort(path_, settings(bytes_of(0)));
  brainmt::test::write_file(folder() / "scan-000001.part", std::string(bytes_of(0), 'x'));
  read_all(cohort);
  EXPECT_EQ(copies().front(), all_[0]);
  EXPECT_EQ(copies().size(), 1u);
}

TEST_F(NodeCacheTest, DamagedCopyIsDroppedAndTheStoreRead) {
  const Cohort cohort(path_, settings());
  read_all(cohort);
  const fs::path copy = folder() / all_[2];
  std::string bytes = brainmt::test::read_file(copy);
  bytes[bytes.size() / 2] ^= 4;
  brainmt::test::write_file(copy, bytes);
  EXPECT_GT(read_all(cohort), 0u) << "and every window was right";
  EXPECT_EQ(read_all(cohort), 0u) << "a new copy was made";
  brainmt::test::write_file(copy, bytes.substr(1));
  EXPECT_EQ(read_all(cohort), bytes_of(2)) << "a copy of another size is none";
}

TEST_F(NodeCacheTest, PlantedLinksAndPipesAreNotFollowed) {
  ReadSettings trusting = settings();
  trusting.checksums = false;  // which would notice the bytes of another file
  const Cohort cohort(path_, trusting);
  const fs::path victim = directory_ / "victim";
  brainmt::test::write_file(victim, std::string(bytes_of(0), 'v'));
  fs::create_symlink(victim, folder() / "scan-000000.f16");
  fs::create_symlink(victim, folder() / "scan-000001.part");
  ASSERT_EQ(::mkfifo((folder() / "scan-000002.f16").c_str(), 0600), 0);
  read_all(cohort);
  EXPECT_EQ(brainmt::test::read_file(victim), std::string(bytes_of(0), 'v'));
  read_all(cohort);
  EXPECT_EQ(copies(), all_);
  for (const std::string& name : copies()) EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder() / name)));
}

TEST_F(NodeCacheTest, LinkAsCacheIsRefused) {
  const fs::path elsewhere = directory_ / "elsewhere";
  fs::create_directory(elsewhere);
  fs::create_directory_symlink(elsewhere, cache_);
  const Cohort cohort(path_, settings());
  EXPECT_EQ(read_all(cohort), without_copies());
  EXPECT_TRUE(fs::is_empty(elsewhere));
}

TEST_F(NodeCacheTest, UnusableDirectoriesDegradeToTheStore) {
  brainmt::test::write_file(directory_ / "file", "x");
  testing::internal::CaptureStderr();
  for (const fs::path& bad : {directory_ / "file", directory_ / "file" / "cache"}) {
    const Cohort cohort(path_, {.cache = {.directory = bad, .max_bytes = 1 << 20}});
    EXPECT_EQ(read_all(cohort), without_copies()) << bad;
  }
  const std::string log = testing::internal::GetCapturedStderr();
  std::size_t warnings = 0;
  for (std::size_t at = 0; (at = log.find("cannot be used", at)) != std::string::npos; ++at) ++warnings;
  EXPECT_EQ(warnings, 2u) << "one for each cohort, however many windows: " << log;
}

TEST_F(NodeCacheTest, FolderThatOthersMayWriteToIsRefused) {
  fs::create_directory(cache_);
  fs::permissions(cache_, fs::perms::all);
  const Cohort cohort(path_, settings());
  EXPECT_EQ(read_all(cohort), without_copies());
  EXPECT_TRUE(fs::is_empty(cache_));
}

// A limit on the size of files simulates a full disk.
TEST_F(NodeCacheTest, FullDiskDegradesToTheStore) {
  const Cohort cohort(path_, settings());
  const rlimit now = [] {
    rlimit limit = {};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    return limit;
  }();
  const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{bytes_of(1), now.rlim_max};  // the size of one file, EFBIG beyond
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  read_all(cohort);
  read_all(cohort);
  ::setrlimit(RLIMIT_FSIZE, &now);
  ::signal(SIGXFSZ, ignored);
  EXPECT_TRUE(copies().empty() || copies() == std::vector<std::string>{all_[1]});
}

TEST_F(NodeCacheTest, DamagedStoreIsStillReported) {
  std::string bytes = brainmt::test::read_file(path_);
  bytes[Hdf5Reader(path_).locate("frames", half_type()).offset + 7 * layout_.voxels.size() * 2] ^= 1;  // scan 1
  brainmt::test::write_file(path_, bytes);
  const Cohort cohort(path_, settings());
  std::vector<std::uint16_t> window(layout_.voxels.size());
  const auto reader = cohort.make_reader();
  brainmt::test::expect_error<DataError>([&] { cohort.load_window(*reader, 1, 0, window); },
                                         {"cohort.h5", "sub-02", "frame 0"});
}

}  // namespace
}  // namespace brainmt::io
