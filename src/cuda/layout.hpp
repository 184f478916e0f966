#pragma once
// Conversions between our layouts and those of the vendor libraries, as CUDA kernels (layout.cu). All only enqueue on
// `stream`. Sums have one term per element, so every result is exact up to its own rounding.
#include <cuda_runtime_api.h>

#include <cstdint>

#include "base/dtype.hpp"

namespace brainmt::cuda {

/// to [out, taps, in] of `type` = w [out, in, taps], fp32 as published.
void kernel_to_channels_last(cudaStream_t stream, void* to, DType type, const float* w, std::int64_t out_channels,
                             std::int64_t in_channels, std::int64_t taps);
/// dw [out, in, taps], fp32, += from [out, taps, in] of `type`.
void add_channels_last_gradient(cudaStream_t stream, float* dw, const void* from, DType type, std::int64_t out_channels,
                                std::int64_t in_channels, std::int64_t taps);

/// to[i] = from[i] rounded to bf16 (nearest, ties to even).
void round_to_bf16(cudaStream_t stream, void* to, const float* from, std::int64_t count);

/// c [rows, cols] += bias [cols] in every row, then ReLU when `relu`; rows of c lie `ld` elements apart. bias is fp64
/// for fp64 c, else fp32; null adds nothing.
void add_bias(cudaStream_t stream, void* c, DType type, const void* bias, bool relu, std::int64_t rows,
              std::int64_t cols, std::int64_t ld);

/// Position of an addend in a sum of bf16 matrices.
enum class Addend { kFirst, kMiddle, kLast };
/// sum [row_count, cols] (fp32, contiguous) takes `rows` (bf16, `ld` elements apart): it is assigned the first and
/// added the others. The last addend is itself replaced by the whole sum, rounded once.
void sum_rows(cudaStream_t stream, float* sum, void* rows, std::int64_t ld, std::int64_t row_count, std::int64_t cols,
              Addend addend);

}  // namespace brainmt::cuda
