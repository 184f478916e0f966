#include "memory/pool.hpp"

#include <Kokkos_Core.hpp>
#include <bit>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <vector>

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

}  // namespace

std::shared_ptr<void> allocate(std::size_t bytes) {
  bytes = size_class(bytes);
  void* block = nullptr;
  {
    std::lock_guard lock(state().mutex);
    PoolStatistics& s = state().statistics;
    s.live_bytes += bytes;
    s.peak_bytes = std::max(s.peak_bytes, s.live_bytes);
    if (auto& free = state().cached[bytes]; !free.empty()) {
      block = free.back();
      free.pop_back();
    } else {
      s.held_bytes += bytes;
      ++s.system_calls;
    }
  }
  if (!block) block = new_block(bytes);
  return {block, [bytes](void* p) { give_back(p, bytes); }};
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
