#pragma once
// Memory space of gradients with the arithmetic of their reduction. On a device all operations are queued on the
// compute stream, as those of its communicators; nothing here blocks.
#include <cstddef>
#include <memory>

#include "comm/communicator.hpp"

namespace brainmt::comm {

/// Pointers are into this memory; `count` is elements. Types are kFloat and kDouble, and kBfloat16 for convert().
class GradientMemory {
 public:
  virtual ~GradientMemory() = default;

  /// At least `bytes` bytes, uninitialised.
  virtual std::shared_ptr<void> allocate(std::size_t bytes) = 0;
  virtual void copy(const void* from, void* to, std::size_t count, DataType type) = 0;
  /// to[i] := to[i] + from[i]. One addition rounds the same in either order.
  virtual void add(const void* from, void* to, std::size_t count, DataType type) = 0;
  /// to[i] := from[i] in the other of kFloat and kBfloat16, rounded to nearest, ties to even.
  virtual void convert(const void* from, DataType from_type, void* to, std::size_t count) = 0;
};

/// The host's memory.
GradientMemory& host_gradient_memory();

/// dtype of gradients during reduction. kBfloat16 halves the traffic; each rank's sum is rounded once, and each
/// addition between ranks again.
enum class WireDtype { kAsStored, kBfloat16 };

/// Transport of gradients: communicator, memory space and wire dtype of the all-reduce. What it refers to outlives its
/// users.
struct GradientTransport {
  GradientTransport(Communicator& ranks,
                    GradientMemory& where = host_gradient_memory(),  // NOLINT: ranks alone are a transport
                    WireDtype as = WireDtype::kAsStored)
      : comm(ranks), memory(where), wire_dtype(as) {}

  Communicator& comm;
  GradientMemory& memory;
  WireDtype wire_dtype;
};

}  // namespace brainmt::comm
