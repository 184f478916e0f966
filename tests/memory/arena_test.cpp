// Arenas: memory of work that is launched repeatedly, not shared with other work.
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "memory/pool.hpp"

namespace brainmt::pool {
namespace {

using Mode = Arena::Mode;
using Block = std::shared_ptr<void>;

// Some allocations that live side by side and one after the other, let go in an order of their own.
void demand() {
  Block a = allocate(10'000), b = allocate(10'000), c = allocate(300);
  a.reset();
  const Block d = allocate(10'000), e = allocate(200'000);
  c.reset();
  const Block f = allocate(300);
}

std::set<const void*> addresses_of(Arena& arena) {
  const auto allocated = arena.allocated();
  return {allocated.begin(), allocated.end()};
}

TEST(Arena, TheSameDemandGetsTheSameAddresses) {
  Arena arena;
  {
    const auto open = arena.open(Mode::kGrow);
    demand();
  }
  std::vector<const void*> first;
  for (int run = 0; run < 4; ++run) {
    if (run == 2) {  // it may grow in between
      const auto open = arena.open(Mode::kGrow);
      const Block more[] = {allocate(10'000), allocate(10'000), allocate(10'000), allocate(10'000)};
    }
    const auto open = arena.open(Mode::kFixed);
    demand();
    if (run == 0) first = arena.allocated();
    EXPECT_EQ(arena.allocated(), first) << "run " << run;
  }
  EXPECT_EQ(first.size(), 6u);
}

TEST(Arena, NobodyElseGetsItsBlocks) {
  Arena arena;
  {
    const auto open = arena.open(Mode::kGrow);
    demand();
  }
  {
    const auto open = arena.open(Mode::kFixed);
    demand();
  }
  const std::set<const void*> kept = addresses_of(arena);
  release_cached();
  std::vector<Block> others;
  for (int i = 0; i < 8; ++i)
    for (const std::size_t bytes : {300u, 10'000u, 200'000u}) others.push_back(allocate(bytes));
  for (const Block& other : others) EXPECT_FALSE(kept.contains(other.get()));
  std::thread([&] {  // open on one thread only
    const auto open = arena.open(Mode::kFixed);
    std::thread([&] { EXPECT_FALSE(kept.contains(allocate(10'000).get())); }).join();
  })
      .join();
}

TEST(Arena, BlocksGoBackToTheirOwnerWheneverTheyAreLetGo) {
  Arena arena;
  Block inside, outside = allocate(50'000);
  {
    const auto open = arena.open(Mode::kGrow);
    inside = allocate(50'000);
    outside.reset();
    EXPECT_FALSE(arena.is_whole());
    EXPECT_NE(allocate(50'000).get(), inside.get());
  }
  const void* const address = inside.get();
  inside.reset();
  EXPECT_TRUE(arena.is_whole());
  EXPECT_NE(allocate(50'000).get(), address);
  const auto open = arena.open(Mode::kFixed);
  EXPECT_EQ(allocate(50'000).get(), address);
}

TEST(Arena, AFixedOneNeverAsksForMore) {
  Arena arena;
  {
    const auto open = arena.open(Mode::kGrow);
    demand();
  }
  allocate(1 << 20);  // the pool has such a block, and still
  const auto open = arena.open(Mode::kFixed);
  const std::size_t calls = statistics().system_calls;
  EXPECT_THROW(allocate(1 << 20), InternalError);
  const Block all[] = {allocate(10'000), allocate(10'000)};
  EXPECT_THROW(allocate(10'000), InternalError);
  EXPECT_EQ(statistics().system_calls, calls);
}

TEST(Arena, CountsAsLiveUntilItEnds) {
  release_cached();
  const PoolStatistics before = statistics();
  std::optional<Arena> arena(std::in_place);
  Block last;
  {
    const auto open = arena->open(Mode::kGrow);
    demand();
    last = allocate(10'000);
  }
  EXPECT_EQ(statistics().live_bytes, before.live_bytes + arena->bytes());
  EXPECT_EQ(statistics().arena_bytes, before.arena_bytes + arena->bytes());
  EXPECT_EQ(statistics().held_bytes, before.held_bytes + arena->bytes());
  release_cached();
  EXPECT_EQ(statistics().held_bytes, before.held_bytes + arena->bytes()) << "it keeps its blocks";
  arena.reset();
  EXPECT_EQ(statistics().live_bytes, before.live_bytes + 10'240) << "the block that has an owner still";
  EXPECT_EQ(statistics().arena_bytes, before.arena_bytes + 10'240);
  last.reset();
  EXPECT_EQ(statistics().live_bytes, before.live_bytes);
  EXPECT_EQ(statistics().arena_bytes, before.arena_bytes);
  release_cached();
  EXPECT_EQ(statistics().held_bytes, before.held_bytes);
}

TEST(Arena, OneInsideAnotherTakesOver) {
  Arena outer, inner;
  const auto first = outer.open(Mode::kGrow);
  {
    const auto second = inner.open(Mode::kGrow);
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
