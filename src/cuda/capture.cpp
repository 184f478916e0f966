#include "cuda/capture.hpp"

#include <exception>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "cuda/error.hpp"

namespace brainmt::cuda {
namespace {

struct DestroyGraph {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
};
using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, DestroyGraph>;

// What CUDA's answers to an attempt to capture mean.
const char* meaning_of(cudaError_t status) {
  switch (status) {
    case cudaErrorStreamCaptureUnsupported:
      return "a call that cannot be part of a graph, such as a wait, an allocation or work of the default stream";
    case cudaErrorStreamCaptureImplicit:
      return "work of the default stream, which waits for all others";
    case cudaErrorStreamCaptureInvalidated:
      return "an earlier call could not be part of a graph";
    case cudaErrorStreamCaptureUnjoined:
      return "work of another stream was not waited for";
    case cudaErrorStreamCaptureIsolation:
      return "a wait for work from before";
    case cudaErrorStreamCaptureMerge:
      return "work of two graphs would have become one";
    default:
      return "not a matter of graphs";
  }
}

std::string reason_of(cudaError_t status) {
  return fmt::format("{}: {} ({})", cudaGetErrorName(status), cudaGetErrorString(status), meaning_of(status));
}

// Outcome of `work`: a CommError, which is rethrown and ends the run; or the message of another exception; or neither.
struct Outcome {
  std::exception_ptr communication;
  std::string error;
};

Outcome run(const std::function<void()>& work) {
  try {
    work();
  } catch (const CommError&) {
    return {std::current_exception(), {}};
  } catch (const std::exception& error) {
    return {nullptr, error.what()};
  }
  return {};
}

class GraphWork final : public CapturedWork {
 public:
  GraphWork(cudaGraphExec_t executable, cudaStream_t stream) : executable_(executable), stream_(stream) {}
  ~GraphWork() override { cudaGraphExecDestroy(executable_); }  // one that is running is freed when it ends

  void launch() override { check(cudaGraphLaunch(executable_, stream_), "launch of a captured step"); }

 private:
  cudaGraphExec_t executable_;
  cudaStream_t stream_;
};

class GraphCapture final : public StreamCapture {
 public:
  explicit GraphCapture(cudaStream_t stream) : stream_(stream) {}

  std::unique_ptr<CapturedWork> capture(std::function<void()> work, std::string& refused) override {
    // Of this thread: others, which copy and allocate, are none of the graph's business.
    if (const cudaError_t begun = cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal);
        begun != cudaSuccess) {
      (void)cudaGetLastError();
      refused = reason_of(begun);
      return nullptr;
    }
    const Outcome outcome = run(work);
    cudaGraph_t captured = nullptr;
    const cudaError_t ended = cudaStreamEndCapture(stream_, &captured);
    const Graph graph(captured);
    (void)cudaGetLastError();  // clears the error, or the next launch check would report it
    if (outcome.communication) std::rethrow_exception(outcome.communication);
    if (!outcome.error.empty() || ended != cudaSuccess) {
      const std::string separator = outcome.error.empty() || ended == cudaSuccess ? "" : "; ";
      refused = outcome.error + separator + (ended == cudaSuccess ? "" : reason_of(ended));
      return nullptr;
    }
    return instantiate(captured, refused);
  }

 private:
  std::unique_ptr<CapturedWork> instantiate(cudaGraph_t graph, std::string& refused) const {
    cudaGraphExec_t executable = nullptr;
    const cudaError_t status = cudaGraphInstantiateWithFlags(&executable, graph, 0);
    if (status == cudaSuccess) return std::make_unique<GraphWork>(executable, stream_);
    (void)cudaGetLastError();
    refused = reason_of(status);
    return nullptr;
  }

  cudaStream_t stream_;
};

}  // namespace

std::unique_ptr<StreamCapture> make_stream_capture(void* stream) {
  return std::make_unique<GraphCapture>(static_cast<cudaStream_t>(stream));
}

}  // namespace brainmt::cuda
