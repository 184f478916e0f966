#pragma once
// Pinned memory in blocks of one size, made once, as a std::pmr::memory_resource: containers that are filled on a
// thread without a device can lie in it, since handing a block out asks nothing of the device's driver.
#include <cstddef>
#include <memory_resource>
#include <mutex>
#include <vector>

#include "memory/pinned.hpp"

namespace brainmt {

class PinnedBlocks : public std::pmr::memory_resource {
 public:
  /// `count` blocks of `bytes` each.
  PinnedBlocks(std::size_t bytes, std::size_t count);

 private:
  /// A whole block, on any thread. Throws std::bad_alloc when it is too small or none is left.
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  static constexpr std::size_t kAlignment = 64;

  std::size_t block_bytes_;
  Kokkos::View<std::byte*, PinnedSpace> memory_;
  std::mutex mutex_;  // guards free_
  std::vector<void*> free_;
};

}  // namespace brainmt
