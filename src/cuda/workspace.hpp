#pragma once
// Scratch memory of an operation, from the caller's allocator and as the libraries want it: aligned to 256 bytes,
// whatever the allocator aligns to.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "cuda/context.hpp"

namespace brainmt::cuda::detail {

class Scratch {
 public:
  Scratch() = default;
  /// Nothing for 0 bytes.
  Scratch(const Context& context, std::size_t bytes) {
    if (bytes == 0) return;
    owner_ = context.allocate(bytes + kAlignment);
    const auto address = reinterpret_cast<std::uintptr_t>(owner_.get());
    data_ = static_cast<std::byte*>(owner_.get()) + (kAlignment - address % kAlignment) % kAlignment;
  }

  void* data() const { return data_; }
  float* floats() const { return static_cast<float*>(data_); }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  static constexpr std::size_t kAlignment = 256;
  std::shared_ptr<void> owner_;
  void* data_ = nullptr;
};

}  // namespace brainmt::cuda::detail
