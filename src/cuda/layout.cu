// Kernels of cuda/layout.hpp. Each thread makes one element, in the order of what it reads or writes contiguously; the
// weights are small (the largest has 1.8 M elements) and the other arrays are touched once.
#include "cuda/layout_kernels.hpp"

namespace brainmt::cuda::detail {
namespace {

constexpr int kThreads = 256;

// Launches `kernel` with at least one thread per element.
template <class Kernel, class... Args>
cudaError_t launch(cudaStream_t stream, std::int64_t count, Kernel kernel, Args... args) {
  const std::int64_t blocks = (count + kThreads - 1) / kThreads;
  if (blocks > INT32_MAX) return cudaErrorInvalidConfiguration;
  kernel<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(count, args...);
  return cudaGetLastError();
}

__device__ std::int64_t element() { return std::int64_t{blockIdx.x} * kThreads + threadIdx.x; }

__device__ void store(double* to, double value) { *to = value; }
__device__ void store(float* to, float value) { *to = value; }
__device__ void store(__nv_bfloat16* to, float value) { *to = __float2bfloat16_rn(value); }

template <class T>
__global__ void channels_last_kernel(std::int64_t count, T* to, const float* w, std::int64_t in_channels,
                                     std::int64_t taps) {
  const std::int64_t i = element();
  if (i < count) store(to + i, w[published_index(i, in_channels, taps)]);
}

// Every element of dw belongs to one thread: no atomics.
template <class T>
__global__ void add_gradient_kernel(std::int64_t count, float* dw, const T* from, std::int64_t in_channels,
                                    std::int64_t taps) {
  const std::int64_t i = element();
  if (i < count) dw[published_index(i, in_channels, taps)] += static_cast<float>(from[i]);
}

__global__ void round_kernel(std::int64_t count, __nv_bfloat16* to, const float* from) {
  const std::int64_t i = element();
  if (i < count) store(to + i, from[i]);
}

template <class T, class Bias>
__global__ void add_bias_kernel(std::int64_t count, T* c, const Bias* bias, bool relu, std::int64_t cols,
                                std::int64_t ld) {
  const std::int64_t i = element();
  if (i >= count) return;
  T* element = c + i / cols * ld + i % cols;
  const Bias value = static_cast<Bias>(*element) + (bias != nullptr ? bias[i % cols] : Bias(0));
  store(element, relu && value < Bias(0) ? Bias(0) : value);  // NaN stays
}

__global__ void sum_rows_kernel(std::int64_t count, float* sum, __nv_bfloat16* rows, std::int64_t ld, std::int64_t cols,
                                bool first, bool last) {
  const std::int64_t i = element();
  if (i >= count) return;
  __nv_bfloat16* element = rows + i / cols * ld + i % cols;
  const float value = static_cast<float>(*element) + (first ? 0.0f : sum[i]);
  if (last)
    store(element, value);
  else
    sum[i] = value;
}

template <class T>
cudaError_t channels_last(cudaStream_t stream, T* to, const float* w, std::int64_t out_channels,
                          std::int64_t in_channels, std::int64_t taps) {
  return launch(stream, out_channels * in_channels * taps, channels_last_kernel<T>, to, w, in_channels, taps);
}

template <class T, class Bias>
cudaError_t bias_to_rows(cudaStream_t stream, T* c, const Bias* bias, bool relu, std::int64_t rows, std::int64_t cols,
                         std::int64_t ld) {
  return launch(stream, rows * cols, add_bias_kernel<T, Bias>, c, bias, relu, cols, ld);
}

}  // namespace

cudaError_t launch_channels_last(cudaStream_t stream, float* to, const float* w, std::int64_t out_channels,
                                 std::int64_t in_channels, std::int64_t taps) {
  return channels_last(stream, to, w, out_channels, in_channels, taps);
}

cudaError_t launch_channels_last(cudaStream_t stream, __nv_bfloat16* to, const float* w, std::int64_t out_channels,
                                 std::int64_t in_channels, std::int64_t taps) {
  return channels_last(stream, to, w, out_channels, in_channels, taps);
}

cudaError_t launch_add_gradient(cudaStream_t stream, float* dw, const float* from, std::int64_t out_channels,
                                std::int64_t in_channels, std::int64_t taps) {
  return launch(stream, out_channels * in_channels * taps, add_gradient_kernel<float>, dw, from, in_channels, taps);
}

cudaError_t launch_add_gradient(cudaStream_t stream, float* dw, const __nv_bfloat16* from, std::int64_t out_channels,
                                std::int64_t in_channels, std::int64_t taps) {
  return launch(stream, out_channels * in_channels * taps, add_gradient_kernel<__nv_bfloat16>, dw, from, in_channels,
                taps);
}

cudaError_t launch_round(cudaStream_t stream, __nv_bfloat16* to, const float* from, std::int64_t count) {
  return launch(stream, count, round_kernel, to, from);
}

cudaError_t launch_add_bias(cudaStream_t stream, double* c, const double* bias, bool relu, std::int64_t rows,
                            std::int64_t cols, std::int64_t ld) {
  return bias_to_rows(stream, c, bias, relu, rows, cols, ld);
}

cudaError_t launch_add_bias(cudaStream_t stream, float* c, const float* bias, bool relu, std::int64_t rows,
                            std::int64_t cols, std::int64_t ld) {
  return bias_to_rows(stream, c, bias, relu, rows, cols, ld);
}

cudaError_t launch_add_bias(cudaStream_t stream, __nv_bfloat16* c, const float* bias, bool relu, std::int64_t rows,
                            std::int64_t cols, std::int64_t ld) {
  return bias_to_rows(stream, c, bias, relu, rows, cols, ld);
}

cudaError_t launch_sum_rows(cudaStream_t stream, float* sum, __nv_bfloat16* rows, std::int64_t ld,
                            std::int64_t row_count, std::int64_t cols, bool first, bool last) {
  return launch(stream, row_count * cols, sum_rows_kernel, sum, rows, ld, cols, first, last);
}

}  // namespace brainmt::cuda::detail
