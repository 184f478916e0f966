#pragma once
// Where gradients lie, and the little arithmetic that their reduction needs there. Memory of a device works in the
// order of its compute stream, as the communicators for it do: nothing here waits.
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

/// kBfloat16 halves what travels: each rank's sum is rounded once, and each addition between ranks again.
enum class GradientWire { kAsStored, kBfloat16 };

/// How gradients travel: between which ranks, in which memory they lie, and as which type. What it refers to outlives
/// its users.
struct GradientLink {
  GradientLink(Communicator& ranks, GradientMemory& where = host_gradient_memory(),  // NOLINT: ranks alone are a link
               GradientWire as = GradientWire::kAsStored)
      : comm(ranks), memory(where), wire(as) {}

  Communicator& comm;
  GradientMemory& memory;
  GradientWire wire;
};

}  // namespace brainmt::comm
