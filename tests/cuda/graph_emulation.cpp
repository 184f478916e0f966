// Stands in for the CUDA run time's streams, events and graphs, on host memory, so that capture is tested without
// a GPU. What is given to a stream runs at once, or is kept while the stream is being captured; CUDA's rules of capture
// hold: other streams join through events and are joined back, waits and allocations spoil it. A definition here takes
// precedence over the library's.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace {

using Work = std::vector<std::function<void()>>;

struct Capture {
  cudaStream_t origin = nullptr;
  std::map<cudaStream_t, bool> streams;  // that take part; whether they are joined
  std::map<cudaEvent_t, cudaStream_t> events;
  Work work;
  bool is_spoilt = false;
};

std::unique_ptr<Capture> capture;  // one at a time, of this thread
cudaError_t last_error = cudaSuccess;

cudaError_t fail(cudaError_t status) { return last_error = status; }

cudaError_t spoil() {
  capture->is_spoilt = true;
  return fail(cudaErrorStreamCaptureUnsupported);
}

bool captures(cudaStream_t stream) { return capture && capture->streams.contains(stream); }

cudaError_t give(cudaStream_t stream, std::function<void()> work) {
  if (!captures(stream)) return work(), cudaSuccess;
  capture->streams[stream] = stream == capture->origin;
  capture->work.push_back(std::move(work));
  return cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  if (capture) return spoil();
  return *data = std::malloc(bytes), cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  return give(stream, [=] { std::memcpy(to, from, bytes); });
}
cudaError_t cudaDeviceSynchronize() { return capture ? spoil() : cudaSuccess; }

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return *stream = reinterpret_cast<cudaStream_t>(new char), cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return cudaStreamCreate(stream); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) { return delete reinterpret_cast<char*>(stream), cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return captures(stream) ? spoil() : cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return *event = reinterpret_cast<cudaEvent_t>(new char), cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete reinterpret_cast<char*>(event), cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (captures(stream)) capture->events[event] = stream;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (!capture || !capture->events.contains(event)) return cudaSuccess;
  if (stream == capture->origin)
    capture->streams[capture->events[event]] = true;
  else
    capture->streams[stream] = false;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (stream == nullptr || mode != cudaStreamCaptureModeThreadLocal) return fail(cudaErrorStreamCaptureUnsupported);
  capture = std::make_unique<Capture>();
  capture->origin = stream;
  capture->streams[stream] = true;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  const std::unique_ptr<Capture> done = std::move(capture);
  *graph = nullptr;
  if (done->is_spoilt) return fail(cudaErrorStreamCaptureInvalidated);
  for (const auto& [stream, is_joined] : done->streams)
    if (!is_joined) return fail(cudaErrorStreamCaptureUnjoined);
  return *graph = reinterpret_cast<cudaGraph_t>(new Work(std::move(done->work))), cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete reinterpret_cast<Work*>(graph), cudaSuccess; }
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  return *executable = reinterpret_cast<cudaGraphExec_t>(new Work(*reinterpret_cast<Work*>(graph))), cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return delete reinterpret_cast<Work*>(executable), cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (captures(stream)) return spoil();
  for (const auto& work : *reinterpret_cast<Work*>(executable)) work();
  return cudaSuccess;
}

}  // extern "C"
