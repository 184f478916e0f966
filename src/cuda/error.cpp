#include "cuda/error.hpp"

#include <array>

namespace brainmt::cuda {
namespace {

std::string size_text(std::size_t bytes) {
  constexpr double kMiB = 1024.0 * 1024.0;
  const double mib = static_cast<double>(bytes) / kMiB;
  return mib < 1024.0 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024.0);
}

}  // namespace

std::string out_of_memory_text(std::string_view stage, std::size_t asked_bytes, const MemoryInfo& memory, int device) {
  const std::string asked = asked_bytes == 0 ? std::string() : fmt::format(", asked for {}", size_text(asked_bytes));
  return fmt::format(
      "GPU {}: out of memory in {}{}, {} of {} free: try model.recompute=block, a smaller run.batch_size, a smaller "
      "model.frame_chunk or device.graphs=false",
      device, stage, asked, size_text(memory.free_bytes), size_text(memory.total_bytes));
}

void fail_out_of_memory(std::string_view stage, std::size_t asked_bytes) {
  (void)cudaGetLastError();  // else the next launch would be blamed for it
  int device = 0;
  MemoryInfo memory;
  if (cudaGetDevice(&device) != cudaSuccess || cudaMemGetInfo(&memory.free_bytes, &memory.total_bytes) != cudaSuccess)
    (void)cudaGetLastError();  // the sizes stay 0: the message that matters is the first one
  throw DeviceMemoryError(out_of_memory_text(stage, asked_bytes, memory, device));
}

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
