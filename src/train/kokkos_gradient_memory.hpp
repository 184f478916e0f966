#pragma once
// Gradient memory of Kokkos' default execution space: pooled blocks, kernels on its default instance, no fences.
#include "comm/gradient_memory.hpp"

namespace brainmt::train {

class KokkosGradientMemory final : public comm::GradientMemory {
 public:
  std::shared_ptr<void> allocate(std::size_t bytes) override;
  void copy(const void* from, void* to, std::size_t count, comm::DataType type) override;
  void add(const void* from, void* to, std::size_t count, comm::DataType type) override;
  void convert(const void* from, comm::DataType from_type, void* to, std::size_t count) override;
};

}  // namespace brainmt::train
