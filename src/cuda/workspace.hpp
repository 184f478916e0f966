#pragma once
// Scratch memory of an operation, from the caller's allocator and as the libraries want it: aligned to 256 bytes,
// whatever the allocator aligns to.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "cuda/context.hpp"
#include "cuda/error.hpp"

namespace brainmt::cuda::detail {

class Scratch {
 public:
  Scratch() = default;
  /// Nothing for 0 bytes. `stage()` is asked for the name of the operation when there is no room.
  template <class Stage>
  Scratch(const Context& context, std::size_t bytes, const Stage& stage) {
    if (bytes == 0) return;
    try {
      owner_ = context.allocate(bytes + kAlignment);
    } catch (const std::bad_alloc&) {  // said below
    }
    if (!owner_) fail_out_of_memory(stage(), bytes);
    const auto address = reinterpret_cast<std::uintptr_t>(owner_.get());
    data_ = static_cast<std::byte*>(owner_.get()) + (kAlignment - address % kAlignment) % kAlignment;
  }

  void* data() const { return data_; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  static constexpr std::size_t kAlignment = 256;
  std::shared_ptr<void> owner_;
  void* data_ = nullptr;
};

}  // namespace brainmt::cuda::detail
