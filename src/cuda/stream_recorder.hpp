#pragma once
// Work of a stream as a CUDA graph: recorded by capturing the stream, and those that join it through events.
#include <cuda_runtime_api.h>

#include <memory>

#include "base/recording.hpp"

namespace brainmt::cuda {

/// Of the current device. `stream` is not the legacy default one, which CUDA does not capture, and outlives the
/// recorder and its records. Only what the calling thread and the libraries do for it is recorded; threads that read
/// data go on.
std::unique_ptr<LaunchRecorder> make_stream_recorder(cudaStream_t stream);

}  // namespace brainmt::cuda
