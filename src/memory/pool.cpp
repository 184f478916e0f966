#include "memory/pool.hpp"

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <bit>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace brainmt::pool {
namespace {

// Size classes: powers of two cut into eighths above 4 KiB, so at most an eighth of a block is wasted.
std::size_t size_class(std::size_t bytes) {
  if (bytes <= 4096) return std::bit_ceil(bytes < 64 ? std::size_t{64} : bytes);
  const std::size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

struct State {
  std::mutex mutex;
  std::map<std::size_t, std::vector<void*>> cached;
  PoolStatistics statistics;
  void (*handler)(std::size_t) = nullptr;
  std::function<bool()> shortage;
};

State& state() {
  static auto* instance = new State;  // outlives every tensor, also those of static storage
  return *instance;
}

void give_back(void* block, std::size_t bytes) {
  std::lock_guard lock(state().mutex);
  state().statistics.live_bytes -= bytes;
  if (Kokkos::is_initialized()) state().cached[bytes].push_back(block);
}

// Null where there is no memory left. Kokkos reports that in words of its own.
void* ask_system(std::size_t bytes) {
  try {
    return Kokkos::kokkos_malloc("brainmt::pool", bytes);
  } catch (const std::exception&) {
    return nullptr;
  }
}

bool somebody_gives_back() {
  std::function<bool()> shortage;
  {
    std::lock_guard lock(state().mutex);
    shortage = state().shortage;
  }
  return shortage && shortage();
}

// Blocks of other sizes may hold what is missing.
void* new_block(std::size_t bytes) {
  if (void* block = ask_system(bytes)) return block;
  release_cached();
  if (void* block = ask_system(bytes)) return block;
  if (somebody_gives_back()) {
    release_cached();
    if (void* block = ask_system(bytes)) return block;
  }
  void (*handler)(std::size_t) = nullptr;
  {
    std::lock_guard lock(state().mutex);
    state().statistics.live_bytes -= bytes;
    state().statistics.held_bytes -= bytes;
    handler = state().handler;
  }
  if (handler) handler(bytes);
  throw std::bad_alloc();
}

// A block of this size class, counted as live.
void* take(std::size_t bytes) {
  {
    std::lock_guard lock(state().mutex);
    PoolStatistics& s = state().statistics;
    s.live_bytes += bytes;
    s.peak_bytes = std::max(s.peak_bytes, s.live_bytes);
    if (auto& free = state().cached[bytes]; !free.empty()) {
      void* block = free.back();
      free.pop_back();
      return block;
    }
    s.held_bytes += bytes;
    ++s.system_calls;
  }
  return new_block(bytes);
}

thread_local Reserve::Scope* open_scope = nullptr;

}  // namespace

// The pool's mutex guards the blocks of all reserves.
struct Reserve::Blocks {
  struct Block {
    std::size_t number = 0;  // in the order in which the reserve got them
    void* address = nullptr;
  };

  std::map<std::size_t, std::vector<Block>> free;  // by size class; the last is given out next
  std::size_t count = 0, out = 0, bytes = 0;
  bool is_dissolved = false;
  std::vector<const void*> served;

  // Lowest numbers first, whatever the order in which blocks came back: runs with the same demand get the same blocks,
  // also when the reserve has grown in between.
  void sort() {
    for (auto& [bytes_each, blocks] : free) std::ranges::sort(blocks, std::ranges::greater{}, &Block::number);
    served.clear();
  }

  static std::shared_ptr<void> allocate(const std::shared_ptr<Blocks>& reserve, Supply supply, std::size_t bytes) {
    const Block block = reserve->next(supply, bytes);
    return {block.address, [reserve, bytes, block](void*) { give_back(*reserve, bytes, block); }};
  }

  Block next(Supply supply, std::size_t bytes_wanted) {
    {
      const std::lock_guard lock(state().mutex);
      if (auto& blocks = free[bytes_wanted]; !blocks.empty()) {
        const Block block = blocks.back();
        blocks.pop_back();
        return hand_out(block, supply);
      }
    }
    if (supply == Supply::kFixed)
      throw InternalError(
          fmt::format("a step asks for {} bytes more while it is being recorded than when it ran before; "
                      "device.graphs=false runs without records",
                      bytes_wanted));
    void* const address = take(bytes_wanted);
    const std::lock_guard lock(state().mutex);
    bytes += bytes_wanted;
    return hand_out({count++, address}, supply);
  }

  Block hand_out(const Block& block, Supply supply) {
    ++out;
    if (supply == Supply::kFixed) served.push_back(block.address);
    return block;
  }

  static void give_back(Blocks& reserve, std::size_t bytes, const Block& block) {
    {
      const std::lock_guard lock(state().mutex);
      --reserve.out;
      if (!reserve.is_dissolved) {
        reserve.free[bytes].push_back(block);
        return;
      }
    }
    pool::give_back(block.address, bytes);
  }
};

Reserve::Reserve() : blocks_(std::make_shared<Blocks>()) {}

Reserve::~Reserve() {
  {
    const std::lock_guard lock(state().mutex);
    blocks_->is_dissolved = true;
  }
  release();
}

void Reserve::release() {
  std::map<std::size_t, std::vector<Blocks::Block>> free;
  {
    const std::lock_guard lock(state().mutex);
    free.swap(blocks_->free);
    for (const auto& [bytes, blocks] : free) blocks_->bytes -= bytes * blocks.size();
  }
  for (const auto& [bytes, blocks] : free)
    for (const Blocks::Block& block : blocks) give_back(block.address, bytes);
}

Reserve::Scope::Scope(std::shared_ptr<Blocks> blocks, Supply supply)
    : blocks_(std::move(blocks)), supply_(supply), outer_(std::exchange(open_scope, this)) {}
Reserve::Scope::~Scope() {
  if (blocks_) open_scope = outer_;
}

Reserve::Scope Reserve::open(Supply supply) {
  {
    const std::lock_guard lock(state().mutex);
    blocks_->sort();
  }
  return {blocks_, supply};
}

std::size_t Reserve::bytes() const {
  const std::lock_guard lock(state().mutex);
  return blocks_->bytes;
}

bool Reserve::is_whole() const {
  const std::lock_guard lock(state().mutex);
  return blocks_->out == 0;
}

std::vector<const void*> Reserve::served() const {
  const std::lock_guard lock(state().mutex);
  return blocks_->served;
}

std::shared_ptr<void> allocate(std::size_t bytes) {
  bytes = size_class(bytes);
  if (open_scope != nullptr) return Reserve::Blocks::allocate(open_scope->blocks_, open_scope->supply_, bytes);
  return {take(bytes), [bytes](void* p) { give_back(p, bytes); }};
}

void on_shortage(std::function<bool()> give_back) {
  std::lock_guard lock(state().mutex);
  state().shortage = std::move(give_back);
}

void on_exhausted(void (*handler)(std::size_t bytes)) {
  std::lock_guard lock(state().mutex);
  state().handler = handler;
}

PoolStatistics statistics() {
  std::lock_guard lock(state().mutex);
  return state().statistics;
}

void reset_peak() {
  std::lock_guard lock(state().mutex);
  state().statistics.peak_bytes = state().statistics.live_bytes;
}

void release_cached() {
  std::lock_guard lock(state().mutex);
  for (auto& [bytes, blocks] : state().cached) {
    for (void* block : blocks) {
      Kokkos::kokkos_free(block);
      state().statistics.held_bytes -= bytes;
    }
    blocks.clear();
  }
}

}  // namespace brainmt::pool
