// Memory of work that is put on the stream again and again: nobody else has it in between.
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "memory/pool.hpp"

namespace brainmt::pool {
namespace {

using Supply = Reserve::Supply;
using Block = std::shared_ptr<void>;

// Some allocations that live side by side and one after the other, let go in an order of their own.
void demand() {
  Block a = allocate(10'000), b = allocate(10'000), c = allocate(300);
  a.reset();
  const Block d = allocate(10'000), e = allocate(200'000);
  c.reset();
  const Block f = allocate(300);
}

std::set<const void*> addresses_of(Reserve& reserve) {
  const auto served = reserve.served();
  return {served.begin(), served.end()};
}

TEST(Reserve, TheSameDemandGetsTheSameAddresses) {
  Reserve reserve;
  {
    const auto open = reserve.open(Supply::kGrows);
    demand();
  }
  std::vector<const void*> first;
  for (int run = 0; run < 4; ++run) {
    if (run == 2) {  // it may grow in between
      const auto open = reserve.open(Supply::kGrows);
      const Block more[] = {allocate(10'000), allocate(10'000), allocate(10'000), allocate(10'000)};
    }
    const auto open = reserve.open(Supply::kFixed);
    demand();
    if (run == 0) first = reserve.served();
    EXPECT_EQ(reserve.served(), first) << "run " << run;
  }
  EXPECT_EQ(first.size(), 6u);
}

TEST(Reserve, NobodyElseGetsItsBlocks) {
  Reserve reserve;
  {
    const auto open = reserve.open(Supply::kGrows);
    demand();
  }
  {
    const auto open = reserve.open(Supply::kFixed);
    demand();
  }
  const std::set<const void*> kept = addresses_of(reserve);
  release_cached();
  std::vector<Block> others;
  for (int i = 0; i < 8; ++i)
    for (const std::size_t bytes : {300u, 10'000u, 200'000u}) others.push_back(allocate(bytes));
  for (const Block& other : others) EXPECT_FALSE(kept.contains(other.get()));
  std::thread([&] {  // open on one thread only
    const auto open = reserve.open(Supply::kFixed);
    std::thread([&] { EXPECT_FALSE(kept.contains(allocate(10'000).get())); }).join();
  })
      .join();
}

TEST(Reserve, BlocksGoBackToTheirOwnerWheneverTheyAreLetGo) {
  Reserve reserve;
  Block inside, outside = allocate(50'000);
  {
    const auto open = reserve.open(Supply::kGrows);
    inside = allocate(50'000);
    outside.reset();
    EXPECT_FALSE(reserve.is_whole());
    EXPECT_NE(allocate(50'000).get(), inside.get());
  }
  const void* const address = inside.get();
  inside.reset();
  EXPECT_TRUE(reserve.is_whole());
  EXPECT_NE(allocate(50'000).get(), address);
  const auto open = reserve.open(Supply::kFixed);
  EXPECT_EQ(allocate(50'000).get(), address);
}

TEST(Reserve, AFixedSupplyNeverAsksForMore) {
  Reserve reserve;
  {
    const auto open = reserve.open(Supply::kGrows);
    demand();
  }
  allocate(1 << 20);  // the pool has such a block, and still
  const auto open = reserve.open(Supply::kFixed);
  const std::size_t calls = statistics().system_calls;
  EXPECT_THROW(allocate(1 << 20), InternalError);
  const Block all[] = {allocate(10'000), allocate(10'000)};
  EXPECT_THROW(allocate(10'000), InternalError);
  EXPECT_EQ(statistics().system_calls, calls);
}

TEST(Reserve, CountsAsLiveUntilItEnds) {
  release_cached();
  const PoolStatistics before = statistics();
  std::optional<Reserve> reserve(std::in_place);
  Block last;
  {
    const auto open = reserve->open(Supply::kGrows);
    demand();
    last = allocate(10'000);
  }
  EXPECT_EQ(statistics().live_bytes, before.live_bytes + reserve->bytes());
  EXPECT_EQ(statistics().held_bytes, before.held_bytes + reserve->bytes());
  release_cached();
  EXPECT_EQ(statistics().held_bytes, before.held_bytes + reserve->bytes()) << "it keeps its blocks";
  reserve.reset();
  EXPECT_EQ(statistics().live_bytes, before.live_bytes + 10'240) << "the block that has an owner still";
  last.reset();
  EXPECT_EQ(statistics().live_bytes, before.live_bytes);
  release_cached();
  EXPECT_EQ(statistics().held_bytes, before.held_bytes);
}

TEST(Reserve, ReleaseLeavesItEmptyAndUsable) {
  release_cached();
  const PoolStatistics before = statistics();
  Reserve reserve;
  const auto fill = [&] {
    const auto open = reserve.open(Supply::kGrows);
    demand();
  };
  fill();
  reserve.release();
  EXPECT_EQ(reserve.bytes(), 0u);
  EXPECT_EQ(statistics().live_bytes, before.live_bytes);
  fill();
  EXPECT_EQ(statistics().live_bytes, before.live_bytes + reserve.bytes());
  const Reserve::Scope nothing;
  const Block block = allocate(300);
  EXPECT_TRUE(reserve.is_whole());
}

TEST(Reserve, OneInsideAnotherTakesOver) {
  Reserve outer, inner;
  const auto first = outer.open(Supply::kGrows);
  {
    const auto second = inner.open(Supply::kGrows);
    const Block block = allocate(64);
    EXPECT_FALSE(inner.is_whole());
    EXPECT_TRUE(outer.is_whole());
  }
  const Block block = allocate(64);
  EXPECT_FALSE(outer.is_whole());
  EXPECT_TRUE(inner.is_whole());
}

}  // namespace
}  // namespace brainmt::pool
