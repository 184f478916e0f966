// Windows arrive in order and whole whatever the depth; errors reach the caller; a loader can be left at any time.
#include "io/window_loader.hpp"

#include <gtest/gtest.h>

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
