#pragma once
// Context of every operation of this layer: stream, allocator, rules for algorithms. Operations only enqueue work on
// `stream`: they return before it is done, except the first time that a shape is seen, when algorithms may be timed.
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>

#include "cuda/device.hpp"

namespace brainmt::cuda {

/// Device memory of at least `bytes` bytes; null or std::bad_alloc when there is no room, which the operation reports
/// as a DeviceMemoryError with its name and sizes. The memory is let go as soon as the work that uses it has been
/// enqueued, so the allocator must order reuse by stream: what was let go may at once serve later work on the same
/// stream, and no other.
using Allocate = std::function<std::shared_ptr<void>(std::size_t bytes)>;

/// How one algorithm is chosen from the candidates for a shape (choices.hpp).
enum class Selection {
  kFirst,  // the library's first suggestion: the same in every run on the same device and library version
  kTimed   // the fastest of the first few, timed once: two runs, or two ranks, may choose differently and then differ
           // in the last bits, unless they share their choices and settle (choices.hpp)
};

/// What the deterministic backward pass of attention computes at once (attention_pieces.hpp).
struct AttentionLimits {
  std::int64_t max_bytes = std::int64_t{1} << 30;  // more is cut into heads, and blocks of queries of about this size
  std::int64_t min_queries = 8192;  // of a block: each costs a pass over the keys' gradients, 2 % of it with so many
};

struct Context {
  cudaStream_t stream = nullptr;
  Allocate allocate;
  bool deterministic = true;  // only algorithms whose results repeat bit for bit
  bool tf32 = false;          // lets fp32 GEMMs round their operands to TF32: faster, and no longer fp32
  Selection selection = Selection::kFirst;
  AttentionLimits attention;
};

/// Whether a library can do something; `reason` says why not.
struct Support {
  bool supported = false;
  std::string reason = {};
};

namespace detail {

/// Scratch memory of an operation, from the caller's allocator, aligned to 256 bytes as the libraries require.
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

}  // namespace detail
}  // namespace brainmt::cuda
