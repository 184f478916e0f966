#include "cuda/error.hpp"

#include <array>

namespace brainmt::cuda {
namespace detail {

void fail(cudaError_t status, const std::string& what) {
  (void)cudaGetLastError();
  switch (status) {
    case cudaErrorMemoryAllocation:
      fail_out_of_memory(what, 0);
    case cudaErrorNoDevice:
      throw UsageError(fmt::format("{}: no GPU is visible to this process", what));
    case cudaErrorInsufficientDriver:
      throw UsageError(fmt::format("{}: the NVIDIA driver is missing or older than this program's CUDA", what));
    case cudaErrorDevicesUnavailable:
      throw UsageError(
          fmt::format("{}: the GPU is in use by another process (exclusive mode): ask for GPUs of your own", what));
    default:
      throw InternalError(fmt::format("{}: CUDA: {}: {}", what, cudaGetErrorName(status), cudaGetErrorString(status)));
  }
}

void fail(cublasStatus_t status, const std::string& what) {
  if (status == CUBLAS_STATUS_ALLOC_FAILED) fail_out_of_memory(what, 0);
  throw InternalError(fmt::format("{}: cuBLASLt: {}", what, cublasLtGetStatusString(status)));
}

void fail(cudnnStatus_t status, const std::string& what) {
  if (status == CUDNN_STATUS_ALLOC_FAILED) fail_out_of_memory(what, 0);
  std::array<char, 512> detail{};
  cudnnGetLastErrorString(detail.data(), detail.size());
  throw InternalError(fmt::format("{}: cuDNN: {}: {}", what, cudnnGetErrorString(status), detail.data()));
}

}  // namespace detail
}  // namespace brainmt::cuda
