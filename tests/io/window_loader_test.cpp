// Windows arrive in order and whole whatever the depth; errors reach the caller; a loader can be left at any time.
#include "io/window_loader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory_resource>

#include "base/error.hpp"
#include "cohort_fixture.hpp"
#include "io/hdf5_reader.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

class WindowLoaderTest : public testing::Test {
 protected:
  WindowLoaderTest() { test::write_small_cohort(MPI_COMM_SELF, path_); }

  std::vector<float> expected(const WindowRequest& request) const {
    const std::size_t dense = layout_.grid.voxels();
    std::vector<float> values(request.frames * dense, half_to_float(test::small_statistics(request.scan).fill));
    for (std::uint64_t t = 0; t < request.frames; ++t) {
      for (std::size_t v = 0; v < layout_.voxels.size(); ++v) {
        const std::uint16_t bits = test::small_value(request.scan, request.first_frame + t, v);
        values[t * dense + layout_.voxels[v]] = half_to_float(bits);
      }
    }
    return values;
  }

  const brainmt::test::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "cohort.h5";
  const CohortLayout layout_ = test::small_layout();
};

TEST_F(WindowLoaderTest, OrderAndValuesDoNotDependOnTheDepth) {
  const Cohort cohort(path_);
  std::vector<WindowRequest> requests;
  for (std::uint64_t i = 0; i < 40; ++i) requests.push_back({i % 3, i % 2, 1 + i % 3});
  for (const std::size_t depth : {1, 2, 7, 100}) {
    WindowLoader loader(cohort, requests, depth);
    for (const WindowRequest& request : requests) {
      auto window = loader.next();
      ASSERT_TRUE(window);
      EXPECT_EQ(window->request.scan, request.scan);
      EXPECT_EQ(window->values, expected(request)) << "depth " << depth;
      loader.recycle(std::move(*window));
    }
    EXPECT_FALSE(loader.next());
    EXPECT_FALSE(loader.next()) << "the end stays the end";
    EXPECT_GE(loader.waited().count(), 0.0);
  }
}

// Memory that counts what is asked of it.
class CountedMemory : public std::pmr::memory_resource {
 public:
  int allocations() const { return allocations_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    ++allocations_;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::atomic<int> allocations_ = 0;
};

TEST_F(WindowLoaderTest, PackedWindowsLieInTheMemoryThatIsGiven) {
  const Cohort cohort(path_);
  std::vector<WindowRequest> requests;
  for (std::uint64_t i = 0; i < 40; ++i) requests.push_back({i % 3, i % 2, 3});
  for (const int depth : {1, 2, 7}) {
    CountedMemory memory;
    std::size_t next = 0;
    WindowLoader loader(
        cohort,
        [&]() -> std::optional<WindowRequest> {
          return next == requests.size() ? std::nullopt : std::optional(requests[next++]);
        },
        static_cast<std::size_t>(depth), &memory);
    for (const WindowRequest& request : requests) {
      auto window = loader.next();
      ASSERT_TRUE(window);
      EXPECT_EQ(window->request.scan, request.scan);
      EXPECT_TRUE(window->values.empty());
      EXPECT_EQ(window->packed.get_allocator().resource(), &memory);
      const auto want = test::small_frames(layout_, request.scan, request.first_frame, request.frames);
      EXPECT_TRUE(std::ranges::equal(window->packed, want)) << "depth " << depth;
      loader.recycle(std::move(*window));
    }
    EXPECT_FALSE(loader.next());
    EXPECT_LE(memory.allocations(), depth + 2) << "windows are used again";
  }
}

TEST_F(WindowLoaderTest, NextIfReadyGivesTheSameWindowsWithoutWaiting) {
  const Cohort cohort(path_);
  std::mutex held;
  std::unique_lock hold(held);
  std::uint64_t frame = 0;
  WindowLoader loader(
      cohort,
      [&]() -> std::optional<WindowRequest> {
        const std::lock_guard wait(held);
        if (frame == 3) throw UsageError("no more");
        return WindowRequest{2, frame++, 1};
      },
      2);
  EXPECT_FALSE(loader.next_if_ready()) << "the first is still to come";
  hold.unlock();
  for (std::uint64_t f = 0; f < 3; ++f) {
    std::optional<Window> window;
    while (!window) window = loader.next_if_ready();
    EXPECT_EQ(window->request.first_frame, f);
    EXPECT_EQ(window->values, expected({2, f, 1}));
  }
  brainmt::test::expect_error<UsageError>([&] { loader.next(); }, {"no more"});
  EXPECT_FALSE(loader.next_if_ready()) << "a failure is next()'s to throw";
}

TEST_F(WindowLoaderTest, AtMostDepthWindowsAreReadAhead) {
  const Cohort cohort(path_);
  std::atomic<int> asked = 0;
  const auto source = [&]() -> std::optional<WindowRequest> {
    ++asked;
    return WindowRequest{0, 0, 1};
  };
  WindowLoader loader(cohort, source, 3);
  for (int i = 1; i <= 10; ++i) {
    loader.next();
    EXPECT_LE(asked, i + 3 + 1) << "taken, waiting, and one in the thread's hands";
  }
}

TEST_F(WindowLoaderTest, DamageReachesTheCallerAfterTheWindowsBefore) {
  std::string bytes = brainmt::test::read_file(path_);
  bytes[Hdf5Reader(path_).locate("frames", half_type()).offset + 7 * layout_.voxels.size() * 2] ^=
      1;  // scan 1, frame 0
  brainmt::test::write_file(path_, bytes);
  const Cohort cohort(path_);
  WindowLoader loader(cohort, {{0, 0, 2}, {1, 0, 2}, {2, 0, 2}}, 2);
  ASSERT_TRUE(loader.next());
  for (int i = 0; i < 2; ++i) {
    brainmt::test::expect_error<DataError>([&] { loader.next(); }, {"sub-02", "frame 0"});
  }
}

TEST_F(WindowLoaderTest, ErrorOfTheSourceReachesTheCaller) {
  const Cohort cohort(path_);
  WindowLoader loader(
      cohort, []() -> std::optional<WindowRequest> { throw UsageError("no more"); }, 1);
  brainmt::test::expect_error<UsageError>([&] { loader.next(); }, {"no more"});
}

TEST_F(WindowLoaderTest, LeavingEarlyEndsTheThread) {
  const Cohort cohort(path_);
  for (int taken = 0; taken < 4; ++taken) {
    WindowLoader loader(
        cohort,
        [] {
          return std::optional(WindowRequest{2, 0, 9});
        },
        2);
    for (int i = 0; i < taken; ++i) loader.next();
  }
}

}  // namespace
}  // namespace brainmt::io
