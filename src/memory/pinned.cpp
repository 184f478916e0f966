#include "memory/pinned.hpp"

#include <new>

namespace brainmt {

PinnedBlocks::PinnedBlocks(std::size_t bytes, std::size_t count)
    : block_bytes_((bytes + kAlignment - 1) / kAlignment * kAlignment),
      memory_(Kokkos::view_alloc("brainmt::pinned", Kokkos::WithoutInitializing), block_bytes_ * count) {
  for (std::size_t i = count; i-- > 0;) free_.push_back(memory_.data() + i * block_bytes_);
}

void* PinnedBlocks::do_allocate(std::size_t bytes, std::size_t alignment) {
  const std::lock_guard lock(mutex_);
  if (bytes > block_bytes_ || alignment > kAlignment || free_.empty()) throw std::bad_alloc();
  void* block = free_.back();
  free_.pop_back();
  return block;
}

void PinnedBlocks::do_deallocate(void* block, std::size_t /*bytes*/, std::size_t /*alignment*/) {
  const std::lock_guard lock(mutex_);
  free_.push_back(block);  // room was made in the constructor
}

}  // namespace brainmt
