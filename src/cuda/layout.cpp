// Checks the arguments and chooses the kernel by type.
#include "cuda/layout.hpp"

#include "cuda/error.hpp"
#include "cuda/layout_kernels.hpp"

namespace brainmt::cuda {

void kernel_to_channels_last(cudaStream_t stream, void* to, DType type, const float* w, std::int64_t out_channels,
                             std::int64_t in_channels, std::int64_t taps) {
  BRAINMT_CHECK(type != DType::kF64, "kernels are converted to fp32 or bf16");
  if (out_channels * in_channels * taps == 0) return;
  const cudaError_t status =
      type == DType::kBf16
          ? detail::launch_channels_last(stream, static_cast<__nv_bfloat16*>(to), w, out_channels, in_channels, taps)
          : detail::launch_channels_last(stream, static_cast<float*>(to), w, out_channels, in_channels, taps);
  check(status, "layout of a kernel [{}, {}, {}]", out_channels, in_channels, taps);
}

void add_channels_last_gradient(cudaStream_t stream, float* dw, const void* from, DType type, std::int64_t out_channels,
                                std::int64_t in_channels, std::int64_t taps) {
  BRAINMT_CHECK(type != DType::kF64, "gradients of kernels are fp32 or bf16");
  if (out_channels * in_channels * taps == 0) return;
  const cudaError_t status =
      type == DType::kBf16
          ? detail::launch_add_gradient(stream, dw, static_cast<const __nv_bfloat16*>(from), out_channels, in_channels,
                                        taps)
          : detail::launch_add_gradient(stream, dw, static_cast<const float*>(from), out_channels, in_channels, taps);
  check(status, "gradient of a kernel [{}, {}, {}]", out_channels, in_channels, taps);
}

void round_to_bf16(cudaStream_t stream, void* to, const float* from, std::int64_t count) {
  if (count == 0) return;
  check(detail::launch_round(stream, static_cast<__nv_bfloat16*>(to), from, count), "rounding {} values to bf16",
        count);
}

void add_bias(cudaStream_t stream, void* c, DType type, const void* bias, bool relu, std::int64_t rows,
              std::int64_t cols, std::int64_t ld) {
  BRAINMT_CHECK(ld >= cols, "rows of {} values, {} apart", cols, ld);
  if (rows * cols == 0) return;
  const auto* single = static_cast<const float*>(bias);
  cudaError_t status = cudaSuccess;
  if (type == DType::kF64)
    status = detail::launch_add_bias(stream, static_cast<double*>(c), static_cast<const double*>(bias), relu, rows,
                                     cols, ld);
  else if (type == DType::kF32)
    status = detail::launch_add_bias(stream, static_cast<float*>(c), single, relu, rows, cols, ld);
  else
    status = detail::launch_add_bias(stream, static_cast<__nv_bfloat16*>(c), single, relu, rows, cols, ld);
  check(status, "bias of [{}, {}]", rows, cols);
}

void sum_rows(cudaStream_t stream, float* sum, void* rows, std::int64_t ld, std::int64_t row_count, std::int64_t cols,
              Addend addend) {
  BRAINMT_CHECK(ld >= cols, "rows of {} values, {} apart", cols, ld);
  if (row_count * cols == 0) return;
  check(detail::launch_sum_rows(stream, sum, static_cast<__nv_bfloat16*>(rows), ld, row_count, cols,
                                addend == Addend::kFirst, addend == Addend::kLast),
        "sum of [{}, {}]", row_count, cols);
}

}  // namespace brainmt::cuda
