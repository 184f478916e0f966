#include "memory/pool.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <new>
#include <stdexcept>

namespace brainmt::pool {
namespace {

constexpr std::size_t kImpossible = std::size_t{1} << 56;  // no system has it, and no size class overflows

TEST(Pool, GivesAFreedBlockOutAgain) {
  release_cached();
  const std::size_t before = statistics().system_calls;
  const void* first = allocate(100'000).get();  // let go at once
  const auto second = allocate(99'000);         // the same size class
  EXPECT_EQ(second.get(), first);
  EXPECT_EQ(statistics().system_calls, before + 1);
}

TEST(Pool, CountsWhatIsLiveAndThePeak) {
  release_cached();
  const std::size_t live = statistics().live_bytes;
  reset_peak();
  {
    const auto a = allocate(1 << 20), b = allocate(1 << 20);
    EXPECT_GE(statistics().live_bytes, live + (2 << 20));
  }
  EXPECT_EQ(statistics().live_bytes, live);
  EXPECT_GE(statistics().peak_bytes, live + (2 << 20));
  EXPECT_LT(statistics().peak_bytes, live + (3 << 20));
}

TEST(Pool, WhereNothingIsLeftTheCacheIsFreedFirst) {
  allocate(1 << 20);
  const PoolStatistics before = statistics();
  EXPECT_THROW(allocate(kImpossible), std::bad_alloc);
  const PoolStatistics after = statistics();
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  EXPECT_EQ(after.held_bytes, after.live_bytes) << "cached blocks are still held";
}

TEST(Pool, TheHandlerMaySayMore) {
  on_exhausted([](std::size_t bytes) { throw std::runtime_error(bytes >= kImpossible ? "asked" : "other"); });
  try {
    allocate(kImpossible);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "asked");
  }
  on_exhausted(nullptr);
  EXPECT_THROW(allocate(kImpossible), std::bad_alloc);
  EXPECT_NO_THROW(allocate(64));
}

}  // namespace
}  // namespace brainmt::pool
