#pragma once
// Launchers of the kernels in layout.cu: plain types and status codes only, so that nvcc compiles none of our other
// headers. Contracts in cuda/layout.hpp; all counts are positive.
#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace brainmt::cuda::detail {

/// Index of element `i` of [out, taps, in] in [out, in, taps].
constexpr std::int64_t published_index(std::int64_t i, std::int64_t in_channels, std::int64_t taps) {
  const std::int64_t in = i % in_channels;
  const std::int64_t tap = i / in_channels % taps;
  const std::int64_t out = i / (in_channels * taps);
  return (out * in_channels + in) * taps + tap;
}

cudaError_t launch_channels_last(cudaStream_t stream, float* to, const float* w, std::int64_t out_channels,
                                 std::int64_t in_channels, std::int64_t taps);
cudaError_t launch_channels_last(cudaStream_t stream, __nv_bfloat16* to, const float* w, std::int64_t out_channels,
                                 std::int64_t in_channels, std::int64_t taps);
cudaError_t launch_add_gradient(cudaStream_t stream, float* dw, const float* from, std::int64_t out_channels,
                                std::int64_t in_channels, std::int64_t taps);
cudaError_t launch_add_gradient(cudaStream_t stream, float* dw, const __nv_bfloat16* from, std::int64_t out_channels,
                                std::int64_t in_channels, std::int64_t taps);
cudaError_t launch_round(cudaStream_t stream, __nv_bfloat16* to, const float* from, std::int64_t count);
cudaError_t launch_add_bias(cudaStream_t stream, double* c, const double* bias, bool relu, std::int64_t rows,
                            std::int64_t cols, std::int64_t ld);
cudaError_t launch_add_bias(cudaStream_t stream, float* c, const float* bias, bool relu, std::int64_t rows,
                            std::int64_t cols, std::int64_t ld);
cudaError_t launch_add_bias(cudaStream_t stream, __nv_bfloat16* c, const float* bias, bool relu, std::int64_t rows,
                            std::int64_t cols, std::int64_t ld);
cudaError_t launch_sum_rows(cudaStream_t stream, float* sum, __nv_bfloat16* rows, std::int64_t ld,
                            std::int64_t row_count, std::int64_t cols, bool first, bool last);

}  // namespace brainmt::cuda::detail
