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

#include "base/capture.hpp"
#include "base/error.hpp"

namespace brainmt {
namespace pool {
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

// Blocks of other sizes may hold what is missing.
void* new_block(std::size_t bytes) {
  if (void* block = ask_system(bytes)) return block;
  release_cached();
  if (void* block = ask_system(bytes)) return block;
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

thread_local Arena::Scope* open_scope = nullptr;

}  // namespace

// The pool's mutex guards the blocks of all arenas.
struct Arena::Blocks {
  struct Block {
    std::size_t number = 0;  // in the order in which the arena got them
    void* address = nullptr;
  };

  std::map<std::size_t, std::vector<Block>> free;  // by size class; the last is given out next
  std::size_t count = 0, out = 0, bytes = 0;
  bool is_dissolved = false;
  std::vector<const void*> allocated;

  // Lowest numbers first, independent of the order of release: runs with the same demand get the same blocks, also when
  // the arena has grown in between.
  void sort() {
    for (auto& [bytes_each, blocks] : free) std::ranges::sort(blocks, std::ranges::greater{}, &Block::number);
    allocated.clear();
  }

  static std::shared_ptr<void> allocate(const std::shared_ptr<Blocks>& arena, Mode mode, std::size_t bytes) {
    const Block block = arena->next(mode, bytes);
    return {block.address, [arena, bytes, block](void*) { give_back(*arena, bytes, block); }};
  }

  Block next(Mode mode, std::size_t wanted) {
    {
      const std::lock_guard lock(state().mutex);
      if (auto& blocks = free[wanted]; !blocks.empty()) {
        const Block block = blocks.back();
        blocks.pop_back();
        return hand_out(block, mode);
      }
    }
    if (mode == Mode::kFixed)
      throw InternalError(
          fmt::format("a step allocates {} bytes more under capture than when it ran before; device.graphs=false runs "
                      "without captured steps",
                      wanted));
    void* const address = take(wanted);
    const std::lock_guard lock(state().mutex);
    add_bytes(wanted);
    return hand_out({count++, address}, mode);
  }

  Block hand_out(const Block& block, Mode mode) {
    ++out;
    if (mode == Mode::kFixed) allocated.push_back(block.address);
    return block;
  }

  // Modulo 2^64, so that they can be taken away too.
  void add_bytes(std::size_t more) {
    bytes += more;
    state().statistics.arena_bytes += more;
  }

  static void give_back(Blocks& arena, std::size_t bytes, const Block& block) {
    {
      const std::lock_guard lock(state().mutex);
      --arena.out;
      if (!arena.is_dissolved) {
        arena.free[bytes].push_back(block);
        return;
      }
      arena.add_bytes(-bytes);
    }
    pool::give_back(block.address, bytes);
  }

  void dissolve() {
    std::map<std::size_t, std::vector<Block>> rest;
    {
      const std::lock_guard lock(state().mutex);
      is_dissolved = true;
      rest.swap(free);
      for (const auto& [bytes_each, blocks] : rest) add_bytes(-(bytes_each * blocks.size()));
    }
    for (const auto& [bytes_each, blocks] : rest)
      for (const Block& block : blocks) pool::give_back(block.address, bytes_each);
  }
};

Arena::Arena() : blocks_(std::make_shared<Blocks>()) {}
Arena::~Arena() { blocks_->dissolve(); }

Arena::Scope::Scope(std::shared_ptr<Blocks> blocks, Mode mode)
    : blocks_(std::move(blocks)), mode_(mode), outer_(std::exchange(open_scope, this)) {}
Arena::Scope::~Scope() { open_scope = outer_; }

Arena::Scope Arena::open(Mode mode) {
  {
    const std::lock_guard lock(state().mutex);
    blocks_->sort();
  }
  return {blocks_, mode};
}

std::size_t Arena::bytes() const {
  const std::lock_guard lock(state().mutex);
  return blocks_->bytes;
}

bool Arena::is_whole() const {
  const std::lock_guard lock(state().mutex);
  return blocks_->out == 0;
}

std::vector<const void*> Arena::allocated() const {
  const std::lock_guard lock(state().mutex);
  return blocks_->allocated;
}

std::shared_ptr<void> allocate(std::size_t bytes) {
  bytes = size_class(bytes);
  if (open_scope != nullptr) return Arena::Blocks::allocate(open_scope->blocks_, open_scope->mode_, bytes);
  return {take(bytes), [bytes](void* p) { give_back(p, bytes); }};
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

}  // namespace pool

void wait_for_kernels() {
  refuse_while_capturing("a wait for the kernels");
  Kokkos::DefaultExecutionSpace().fence();
}

void* kernel_stream() {
#if defined(KOKKOS_ENABLE_CUDA)
  return Kokkos::Cuda().cuda_stream();
#else
  return nullptr;
#endif
}

}  // namespace brainmt
