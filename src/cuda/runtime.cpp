#include "cuda/runtime.hpp"

#include <cuda_runtime_api.h>

#include "base/error.hpp"

namespace brainmt::cuda {
namespace {

using comm::DeviceApi;

cudaStream_t stream_of(DeviceApi::Stream stream) { return static_cast<cudaStream_t>(stream); }
cudaEvent_t event_of(DeviceApi::Event event) { return static_cast<cudaEvent_t>(event); }

class CudaRuntime final : public DeviceApi {
 public:
  explicit CudaRuntime(int rank) : rank_(rank) {}

  Stream create_stream() override {
    int low = 0, high = 0;
    check(cudaDeviceGetStreamPriorityRange(&low, &high), "cudaDeviceGetStreamPriorityRange");
    cudaStream_t stream = nullptr;  // highest priority: communication is short and blocks others
    check(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, high), "cudaStreamCreateWithPriority");
    return stream;
  }
  void destroy_stream(Stream stream) noexcept override { cudaStreamDestroy(stream_of(stream)); }

  Event create_event() override {
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    return event;
  }
  void destroy_event(Event event) noexcept override { cudaEventDestroy(event_of(event)); }
  void record(Event event, Stream stream) override {
    check(cudaEventRecord(event_of(event), stream_of(stream)), "cudaEventRecord");
  }
  bool is_done(Event event) override {
    const cudaError_t code = cudaEventQuery(event_of(event));
    if (code == cudaErrorNotReady) return false;
    check(code, "cudaEventQuery");
    return true;
  }
  void wait(Stream stream, Event event) override {
    check(cudaStreamWaitEvent(stream_of(stream), event_of(event), 0), "cudaStreamWaitEvent");
  }

  void copy(const void* from, void* to, std::size_t bytes, Stream stream) override {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_of(stream)), "cudaMemcpyAsync");
  }
  void* allocate_pinned(std::size_t bytes) override {
    void* block = nullptr;
    if (cudaMallocHost(&block, bytes) != cudaSuccess) {
      cudaGetLastError();  // or the next check finds it
      throw CommError(
          fmt::format("rank {}: no {} bytes of page-locked memory: fewer ranks per node, or a smaller "
                      "comm.bucket_mb",
                      rank_, bytes));
    }
    return block;
  }
  void free_pinned(void* block) noexcept override { cudaFreeHost(block); }

 private:
  void check(cudaError_t code, const char* call) const {
    if (code == cudaSuccess) return;
    throw CommError(
        fmt::format("rank {}: {} failed: {}; look for an earlier error of this rank, and for Xid lines in "
                    "the kernel log of its node",
                    rank_, call, cudaGetErrorString(code)));
  }

  int rank_;
};

}  // namespace

int device_count(std::string& why) {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code == cudaSuccess) return count;
  cudaGetLastError();
  why = cudaGetErrorString(code);
  return 0;
}

std::unique_ptr<comm::DeviceApi> make_runtime(int rank) { return std::make_unique<CudaRuntime>(rank); }

}  // namespace brainmt::cuda
