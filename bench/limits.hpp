#pragma once
// Limits of this core (GEMM rate, memory bandwidth), measured now: reference of the other benchmarks.
#include "bench/report.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::bench {

/// FLOP/s of a large GEMM in `dtype` on this rank.
double gemm_limit(DType dtype, double seconds);
/// Bytes/s (read plus written) of a large copy on this rank.
double copy_limit(double seconds);

/// A tensor of uniform values in [-1, 1), the same every time.
Tensor random_tensor(Shape shape, DType dtype, std::uint64_t seed = 1);

}  // namespace brainmt::bench
